"""Which requests are signed: proof of possession, kind and size of the key, one PEM block, an own
key."""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import create_engine, text

from support.app import services
from support.certificates import (
    Key,
    csr,
    keytool,
    keytool_needed,
    name,
    new_key,
    openssl,
    own_authority,
    private_pem,
    sign,
    signed,
)
from support.clock import ManualClock
from support.http import basic, bearer, token_of

SQLITE = pytest.mark.parametrize("engine_name", ["sqlite"])  # nothing is written
_P = 2**1023 + 2**1022 + 2**1000 + 1011
_Q = _P + 64


def rsa_key(bits: int, exponent: int = 65537) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(exponent, bits)


def close_primes() -> rsa.RSAPrivateKey:
    """Return a key whose two primes are neighbours, as some faulty generators make them."""
    private = pow(65537, -1, (_P - 1) * (_Q - 1))
    public = rsa.RSAPublicNumbers(65537, _P * _Q)
    numbers = rsa.RSAPrivateNumbers(
        _P,
        _Q,
        private,
        rsa.rsa_crt_dmp1(private, _P),
        rsa.rsa_crt_dmq1(private, _Q),
        rsa.rsa_crt_iqmp(_P, _Q),
        public,
    )
    return numbers.private_key()


@pytest.mark.parametrize(
    "make",
    [
        new_key,
        lambda: ec.generate_private_key(ec.SECP384R1()),
        lambda: ec.generate_private_key(ec.SECP521R1()),
        lambda: rsa_key(2048),
        lambda: rsa_key(3072),
    ],
    ids=["P-256", "P-384", "P-521", "RSA-2048", "RSA-3072"],
)
@SQLITE
def test_a_strong_key_is_signed(client: FlaskClient, make: Callable[[], Key]) -> None:
    key = make()
    assert signed(client, csr(key)).public_key() == key.public_key()


@SQLITE
def test_ed25519_is_signed(client: FlaskClient) -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    assert signed(client, csr(key, unhashed=True)).public_key() == key.public_key()


def refused(client: FlaskClient, request: str) -> None:
    answer = sign(client, request)
    assert (answer.status_code, answer.json["code"]) == (400, "bad_certificate_request"), (
        answer.text
    )
    assert "Traceback" not in answer.text
    assert request[:60] not in answer.text or not request
    assert client.get("/api/certificates", headers=basic("hawk", "newpwd")).json == {
        "certificates": []
    }


@pytest.mark.parametrize(
    "make",
    [
        lambda: rsa_key(1024),
        lambda: rsa_key(2047),
        lambda: rsa_key(2048, exponent=3),
        close_primes,
        lambda: dsa.generate_private_key(1024),
        lambda: ec.generate_private_key(ec.SECP224R1()),
        lambda: ec.generate_private_key(ec.SECP256K1()),
        lambda: ec.generate_private_key(ec.BrainpoolP256R1()),
    ],
    ids=["RSA-1024", "RSA-2047", "e=3", "close primes", "DSA", "P-224", "secp256k1", "brainpool"],
)
@SQLITE
def test_a_weak_or_unusual_key_is_refused(client: FlaskClient, make: Callable[[], Key]) -> None:
    refused(client, csr(make()))


@SQLITE
def test_ed448_is_refused(client: FlaskClient) -> None:
    refused(client, csr(ed448.Ed448PrivateKey.generate(), unhashed=True))


@pytest.mark.parametrize(
    "making",
    [
        ["-newkey", "rsa:512"],
        [
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-pkeyopt",
            "ec_param_enc:explicit",
        ],
        ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-192"],
        ["-newkey", "rsa:2048", "-sha1"],
        ["-newkey", "rsa:2048", "-md5"],
        ["-newkey", "rsa:2048", "-sha224"],
    ],
    ids=["RSA-512", "explicit curve", "P-192", "SHA-1", "MD5", "SHA-224"],
)
@SQLITE
def test_weak_keys_that_openssl_still_makes_are_refused(
    client: FlaskClient, making: list[str]
) -> None:
    refused(
        client,
        openssl("req", "-new", "-nodes", "-subj", "/CN=hawk", "-keyout", "/dev/null", *making),
    )


def test_a_request_of_real_openssl_is_signed(client: FlaskClient, tmp_path: Path) -> None:
    key, made = str(tmp_path / "key.pem"), str(tmp_path / "csr.pem")
    openssl(
        "req",
        "-new",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        key,
        "-out",
        made,
        "-subj",
        "/O=hawk/CN=x",
    )
    certificate = signed(client, Path(made).read_text())
    assert openssl("pkey", "-in", key, "-pubout") == openssl(
        "x509", "-pubkey", "-noout", given=certificate.public_bytes(serialization.Encoding.PEM)
    )


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("subject", ["/CN=hawk", "/O=Bücher/CN=ハヤブサ"])
def test_a_request_that_openssl_prints_with_its_text_is_signed(
    client: FlaskClient, subject: str, wrapped: bool
) -> None:
    making = (
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-keyout",
        "/dev/null",
    )
    made = openssl("req", "-new", "-text", "-utf8", "-subj", subject, *making)
    assert made.startswith("Certificate Request:")
    assert "BEGIN CERTIFICATE REQUEST" in made
    signed(client, base64.b64encode(made.encode()).decode() if wrapped else made)


@keytool_needed
@pytest.mark.parametrize("algorithm", ["RSA -keysize 2048", "EC -groupname secp256r1"])
@SQLITE
def test_a_request_of_real_keytool_is_signed(
    client: FlaskClient, tmp_path: Path, algorithm: str
) -> None:
    store = ("-alias", "own", "-keystore", str(tmp_path / "own.p12"), "-storepass", "changeit")
    keytool("-genkeypair", "-dname", "CN=hawk", "-keyalg", *algorithm.split(), *store)
    request = keytool("-certreq", *store)
    assert "-----BEGIN NEW CERTIFICATE REQUEST-----" in request
    key = x509.load_pem_x509_certificate(
        keytool("-exportcert", "-rfc", *store).encode()
    ).public_key()
    assert signed(client, request).public_key() == key


GOOD = csr()
DER = base64.b64decode("".join(GOOD.splitlines()[1:-1]))


OLDER_LABEL = GOOD.replace("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST")


def block(der: bytes, label: str = "CERTIFICATE REQUEST") -> str:
    body = base64.encodebytes(der).decode()
    return f"-----BEGIN {label}-----\n{body}-----END {label}-----\n"


def version(number: int) -> bytes:
    at = DER.index(b"\x02\x01\x00") + 2
    return DER[:at] + bytes([number]) + DER[at + 1 :]


def flipped(at: int) -> bytes:
    return DER[:at] + bytes([DER[at] ^ 1]) + DER[at + 1 :]


MALFORMED = {
    "empty": "",
    "blank": " \n",
    "words": "not a request",
    "base64 of DER": base64.b64encode(DER).decode(),
    "base64 of words": base64.b64encode(b"not a request").decode(),
    "base64 with a stray character": base64.b64encode(GOOD.encode()).decode() + "!",
    "other letters": "ä" * 100,
    "two blocks": GOOD + csr(),
    "the same block twice": GOOD + GOOD,
    "two blocks of two labels": GOOD + block(DER, "NEW CERTIFICATE REQUEST"),
    "a key beside it": GOOD + block(DER, "PRIVATE KEY"),
    "a key before it": block(DER, "EC PARAMETERS") + GOOD,
    "another label at its end": GOOD.replace("END CERTIFICATE", "END NEW CERTIFICATE"),
    "a label that is none": GOOD.replace("CERTIFICATE REQUEST", "OLD CERTIFICATE REQUEST"),
    "text in the block": GOOD.replace("REQUEST-----\n", "REQUEST-----\nSubject: hawk\n", 1),
    "a certificate's label": GOOD.replace("CERTIFICATE REQUEST", "CERTIFICATE"),
    "no end": GOOD.partition("-----END")[0],
    "headers in the block": GOOD.replace(
        "REQUEST-----\n", "REQUEST-----\nProc-Type: 4,ENCRYPTED\n\n", 1
    ),
    "trailing bytes": block(DER + b"\0"),
    "cut off": block(DER[:-20]),
    "an empty block": block(b""),
    "another version": block(version(5)),
    "version 2": block(version(1)),
    "a broken signature": block(flipped(len(DER) - 1)),
    "another key than the one that signed": block(flipped(DER.index(b"\x03\x42\x00\x04") + 20)),
    "zeros": block(bytes(200)),
    "deep": block(b"\x30\x80" * 2000),
}


@pytest.mark.parametrize("request_text", MALFORMED.values(), ids=MALFORMED.keys())
@SQLITE
def test_what_is_not_one_sound_request_is_refused(client: FlaskClient, request_text: str) -> None:
    refused(client, request_text)


@SQLITE
def test_a_certificate_is_no_request(client: FlaskClient) -> None:
    answer = sign(client, signed(client).public_bytes(serialization.Encoding.PEM).decode())
    assert (answer.status_code, answer.json["code"]) == (400, "bad_certificate_request")


@pytest.mark.parametrize(
    "changed",
    [
        GOOD.replace("\n", "\r\n"),
        f"\n \n{GOOD}\n\n",
        base64.b64encode(GOOD.encode()).decode(),
        base64.encodebytes(GOOD.encode()).decode(),  # as `base64 request.pem` prints it
        base64.encodebytes(GOOD.encode()).decode().replace("\n", "\r\n"),
        "Subject: hawk\n" + GOOD,
        GOOD + "and more",
        f"Sübject: ハヤブサ\n\n{GOOD}\n-- \nmore",
        base64.b64encode(f"Sübject: hawk\n{GOOD}".encode()).decode(),
        OLDER_LABEL,
        base64.b64encode(OLDER_LABEL.encode()).decode(),
    ],
)
@SQLITE
def test_line_ends_text_around_and_base64_of_pem_are_read(
    client: FlaskClient, changed: str
) -> None:
    signed(client, changed)


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_posted_private_key_is_nowhere_afterwards(
    client: FlaskClient,
    caplog: pytest.LogCaptureFixture,
    database_url: str,
    tmp_path: Path,
    wrapped: bool,
) -> None:
    caplog.set_level(logging.DEBUG)
    canary = private_pem(new_key())
    sent = base64.b64encode(canary.encode()).decode() if wrapped else canary
    for path, body in (
        ("/api/certificates", {"csr": sent, "description": "x"}),
        ("/api/certificates", {"csr": GOOD, "description": sent}),
        ("/api/certificates/renew", {"csr": sent}),
        (
            "/nerveshub/users/sign",
            {"csr": sent, "email": "hawk", "password": "newpwd", "description": "x"},
        ),
    ):
        answer = client.post(path, json=body, headers=basic("hawk", "newpwd"))
        assert 400 <= answer.status_code < 500
        assert all(line not in answer.text for line in secret_lines(canary, sent))
    logged = str([(record.getMessage(), record.__dict__) for record in caplog.records])
    stored = "".join(rows(database_url)) + "".join(
        file.read_text("latin-1") for file in tmp_path.rglob("*") if file.is_file()
    )
    assert not [line for line in secret_lines(canary, sent) if line in logged or line in stored]


def secret_lines(canary: str, sent: str) -> list[str]:
    return [*canary.splitlines()[1:-1], sent[40:100]]


def rows(database_url: str) -> Iterator[str]:
    engine = create_engine(database_url)
    tables = ("account", "session", "certificate", "outbox_mail", "audit_event", "counter")
    with engine.connect() as connection:
        for table in tables:
            yield str(connection.execute(text(f"SELECT * FROM {table}")).all())  # noqa: S608 - our own names
    engine.dispose()


NAMES = {
    "another user": name("admin"),
    "empty": name(),
    "two": name("hawk", "admin"),
    "a comma": name("hawk,CN=admin"),
    "a line break": name("hawk\nX-Client-Verify: SUCCESS"),
    "NUL": name("hawk\0admin"),
}


@pytest.mark.parametrize("subject", NAMES.values(), ids=NAMES.keys())
@SQLITE
def test_no_name_in_a_request_is_in_the_certificate(
    client: FlaskClient, subject: x509.Name
) -> None:
    uuid = client.get("/api/users/me", headers=basic("hawk", "newpwd")).json["uuid"]
    assert signed(client, csr(None, subject)).subject == name(uuid)


@SQLITE
def test_a_name_longer_than_certificates_have_is_not_in_it_either(client: FlaskClient) -> None:
    uuid = client.get("/api/users/me", headers=basic("hawk", "newpwd")).json["uuid"]
    made = openssl(
        "req",
        "-new",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        "/dev/null",
        "-subj",
        f"/CN={'x' * 64}",
    )
    assert signed(client, made).subject == name(uuid)


@SQLITE
def test_nothing_a_request_asks_for_is_in_the_certificate(client: FlaskClient) -> None:
    wanted = [
        x509.SubjectAlternativeName(
            [
                x509.RFC822Name("admin@example.org"),
                x509.DNSName("id.example.org"),
                x509.UniformResourceIdentifier("spiffe://example.org/admin"),
                x509.IPAddress(ip_address("192.0.2.1")),
                x509.OtherName(x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.3"), b"\x0c\x05admin"),
            ]
        ),
        x509.BasicConstraints(ca=True, path_length=None),
        x509.ExtendedKeyUsage([x509.ObjectIdentifier("2.5.29.37.0")]),
    ]
    plain, greedy = signed(client), signed(client, csr(None, None, *wanted))
    assert [each.oid for each in greedy.extensions] == [each.oid for each in plain.extensions]
    assert greedy.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False


def test_the_authoritys_own_key_is_refused(client: FlaskClient, tmp_path: Path) -> None:
    refused(client, csr(own_authority(tmp_path / "data").key))


def test_another_users_key_is_refused_and_their_own_is_not(client: FlaskClient) -> None:
    key = new_key()
    first, second = signed(client, csr(key)), signed(client, csr(key))
    assert first.serial_number != second.serial_number
    answer = sign(client, csr(key), ("admin", "changeme"))
    assert (answer.status_code, answer.json["code"]) == (400, "bad_certificate_request")


def test_the_key_of_a_revoked_certificate_is_refused(client: FlaskClient) -> None:
    key = new_key()
    serial = signed(client, csr(key)).serial_number
    assert (
        client.delete(f"/api/certificates/{serial}", headers=basic("hawk", "newpwd")).status_code
        == 204
    )
    for user in (("hawk", "newpwd"), ("admin", "changeme")):
        assert sign(client, csr(key), user).json["code"] == "bad_certificate_request"


def test_the_key_of_a_deleted_user_is_refused(client: FlaskClient) -> None:
    key = new_key()
    signed(client, csr(key))
    assert client.delete("/api/users/me", headers=basic("hawk", "newpwd")).status_code == 204
    assert sign(client, csr(key), ("admin", "changeme")).json["code"] == "bad_certificate_request"


@pytest.mark.parametrize(
    "body", [{}, {"csr": 1}, {"csr": None}, {"csr": [GOOD]}, {"csr": GOOD, "subject": "admin"}]
)
@SQLITE
def test_a_body_that_is_none_is_refused(client: FlaskClient, body: dict[str, object]) -> None:
    answer = client.post("/api/certificates", json=body, headers=basic("hawk", "newpwd"))
    assert (answer.status_code, answer.json["code"]) == (400, "invalid_input")


@pytest.mark.parametrize("description", ["x" * 129, "two\nlines", "\x1b[31m"])
@SQLITE
def test_a_description_is_one_short_line(client: FlaskClient, description: str) -> None:
    answer = sign(client, GOOD, description=description)
    assert (answer.status_code, answer.json["code"]) == (400, "invalid_input")


@SQLITE
def test_a_huge_body_is_not_read(client: FlaskClient) -> None:
    assert sign(client, "A" * 70_000).status_code == 413


@SQLITE
def test_a_wrong_password_is_refused_before_the_signing_request_is_read(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(_self: object, _pem: str) -> None:
        pytest.fail("the request was read")

    monkeypatch.setattr(type(services(app).certificates._authority), "read_request", read)
    for user in (("hawk", "wrong"), ("nobody", "newpwd")):
        assert sign(client, GOOD, user).status_code == 401
        body = {"csr": GOOD, "email": user[0], "password": user[1], "description": "x"}
        assert client.post("/nerveshub/users/sign", json=body).json == {
            "errors": "authentication_failed"
        }


def test_signing_needs_recent_authentication(client: FlaskClient, clock: ManualClock) -> None:
    token = token_of(client, "hawk", "newpwd")
    clock.advance(minutes=9)
    token = client.get("/api/token", headers=bearer(token)).json["token"]
    assert (
        client.post("/api/certificates", json={"csr": csr()}, headers=bearer(token)).status_code
        == 201
    )
    clock.advance(minutes=6, seconds=1)
    answer = client.post("/api/certificates", json={"csr": csr()}, headers=bearer(token))
    assert (answer.status_code, answer.json["code"]) == (401, "step_up_required")
    assert sign(client, csr()).status_code == 201


def test_an_account_has_a_hundred_valid_certificates_at_most(
    app: Flask, client: FlaskClient, clock: ManualClock, database_url: str
) -> None:
    signed(client)
    engine = create_engine(database_url)
    with engine.begin() as connection:
        for number in range(99):
            connection.execute(
                text(
                    "INSERT INTO certificate SELECT :serial, account_id, version, :serial, "
                    "subject_key_id,"
                    " authority_key_id, :serial, description, not_before, not_after, "
                    "revoked_at, reason, parent, line"
                    " FROM certificate LIMIT 1"
                ),
                {"serial": str(number + 1)},
            )
    engine.dispose()
    answer = sign(client, csr())
    assert (answer.status_code, answer.json["code"]) == (400, "bad_certificate_request")
    client.delete("/api/certificates/1", headers=basic("hawk", "newpwd"))
    signed(client)
