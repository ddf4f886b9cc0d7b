"""NervesHub, `POST /users/sign`: what is signed, what is refused, and what the certificate
authenticates."""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from flask import Flask
from werkzeug.test import TestResponse

from identity.store.models import Certificate
from support.accounts import ADMIN, populate
from support.clock import ManualClock
from support.database import account_row, table_rows
from support.dialects import DialectClient, dialect_client_of
from support.http import basic
from support.nerveshub import FORBIDDEN, USER
from support.signing_requests import in_base64, private_key_pem, refused_requests, signing_request

CREDENTIAL = {"email": USER["email"], "password": USER["password"], "description": "my laptop"}
SECRET = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def say(make_app: Callable[..., Flask], clock: ManualClock) -> Iterator[DialectClient]:
    """The document's user, before a proxy that vouches for certificates."""
    clock.time = datetime.now(UTC)  # the authority was made in its own time
    app = make_app(trusted_proxies="127.0.0.1", proxy_secret=SECRET)
    populate(app)
    with dialect_client_of(app, "/nerveshub") as dialect_client:
        assert dialect_client.post("/users/register", USER).status_code == 200
        yield dialect_client


def sign(say: DialectClient, csr: str | None = None, **other: Any) -> TestResponse:
    return say.post("/users/sign", CREDENTIAL | {"csr": csr or signing_request()} | other)


def signed(say: DialectClient) -> x509.Certificate:
    return x509.load_pem_x509_certificate(sign(say).json["cert"].encode())


def shown(certificate: x509.Certificate, secret: str = SECRET) -> dict[str, str]:
    """The headers of a proxy that saw this certificate."""
    der = base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()
    return {"X-Proxy-Secret": secret, "Client-Cert": f":{der}:"}


@pytest.mark.parametrize(("encode", "path"), [(str, "/users/sign"), (in_base64, "/api/users/sign")])
def test_a_request_is_signed_in_pem_and_in_base64_of_pem(
    say: DialectClient, encode: Callable[[str], str], path: str
) -> None:
    answer = say.post(path, CREDENTIAL | {"csr": encode(signing_request())})
    assert answer.status_code == 200
    assert answer.json == {"cert": answer.json["cert"], "data": {"cert": answer.json["cert"]}}
    assert len(x509.load_pem_x509_certificates(answer.json["cert"].encode())) == 1


def test_the_certificate_says_what_the_service_decides(
    say: DialectClient, clock: ManualClock
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = x509.load_pem_x509_certificate(
        sign(say, signing_request(key, name="admin")).json["cert"].encode()
    )
    authority = x509.load_pem_x509_certificate(say.client.get("/ca.pem").data)
    certificate.verify_directly_issued_by(authority)
    row = account_row(say.app, "user1234")
    assert [(each.oid, each.value) for each in certificate.subject] == [
        (NameOID.COMMON_NAME, row["uuid"])
    ]
    assert certificate.public_key() == key.public_key()
    extensions = {type(each.value): each.value for each in certificate.extensions}
    assert x509.SubjectAlternativeName not in extensions
    assert not extensions[x509.BasicConstraints].ca
    assert list(extensions[x509.ExtendedKeyUsage]) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert extensions[x509.KeyUsage].digital_signature
    assert not extensions[x509.KeyUsage].key_cert_sign
    life = certificate.not_valid_after_utc - clock.time
    assert timedelta(days=364) < life <= timedelta(days=365)
    assert certificate.not_valid_before_utc <= clock.time
    (kept,) = table_rows(say.app, Certificate)
    assert kept["serial"] == str(certificate.serial_number)
    assert kept["subject_key_id"] == extensions[x509.SubjectKeyIdentifier].digest.hex()
    assert kept["authority_key_id"] == extensions[x509.AuthorityKeyIdentifier].key_identifier.hex()
    assert (kept["account_id"], kept["description"]) == (row["id"], "my laptop")


def test_the_usual_kinds_of_keys_are_signed(say: DialectClient) -> None:
    keys = [
        ec.generate_private_key(ec.SECP384R1()),
        ec.generate_private_key(ec.SECP521R1()),
        ed25519.Ed25519PrivateKey.generate(),
        rsa.generate_private_key(65537, 2048),
    ]
    assert [sign(say, signing_request(key)).status_code for key in keys] == [200] * len(keys)
    assert len(table_rows(say.app, Certificate)) == len(keys)


def test_what_cannot_be_signed_is_refused_and_not_recorded(say: DialectClient) -> None:
    for what, csr in refused_requests().items():
        answer = say.post("/users/sign", CREDENTIAL | {"csr": csr})
        assert (answer.status_code, answer.json.keys()) == (400, {"errors"}), what
        assert isinstance(answer.json["errors"], str), what
    assert table_rows(say.app, Certificate) == []


def test_another_users_key_is_not_signed(say: DialectClient) -> None:
    csr = signing_request()
    assert sign(say, csr).status_code == 200
    assert sign(say, csr).status_code == 200
    other = {"username": "other", "email": "other@domain.com", "password": "another horse"}
    say.post("/users/register", other)
    answer = say.post(
        "/users/sign", CREDENTIAL | {"email": "other", "password": other["password"], "csr": csr}
    )
    assert answer.status_code == 400
    assert len(table_rows(say.app, Certificate)) == 2


def test_a_private_key_is_neither_answered_nor_logged(
    say: DialectClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    pem = private_key_pem()
    middle = pem.splitlines()[1]
    for csr in (pem, in_base64(pem), signing_request() + pem):
        answer = sign(say, csr)
        assert answer.status_code == 400
        assert middle not in answer.text
    assert caplog.records
    assert middle not in caplog.text + repr([record.__dict__ for record in caplog.records])


def test_a_missing_field_is_named(say: DialectClient) -> None:
    whole = CREDENTIAL | {"csr": signing_request()}
    for missing in ("csr", "password", "description"):
        answer = say.post(
            "/users/sign", {name: text for name, text in whole.items() if name != missing}
        )
        assert (answer.status_code, answer.json) == (422, {"errors": {missing: ["is required"]}})


def test_a_description_is_one_line(say: DialectClient) -> None:
    for description in ("x" * 129, "two\nlines", "\x1b[31m"):
        answer = sign(say, description=description)
        assert answer.status_code == 422
        assert answer.json["errors"].keys() == {"description"}


def test_a_certificate_shows_its_owner(say: DialectClient) -> None:
    certificate, user = signed(say), {"username": "user1234", "email": "user@domain.com"}
    for path in ("/users/me", "/api/users/me"):
        answer = say.get(path, headers=shown(certificate))
        assert (answer.status_code, answer.json) == (
            200,
            {**user, "data": {**user, "name": "user1234"}},
        )


def test_a_certificate_counts_only_from_a_proxy_with_the_secret(say: DialectClient) -> None:
    certificate = signed(say)
    assert say.get("/users/me", headers=shown(certificate, "guess")).json == FORBIDDEN
    stranger = {"REMOTE_ADDR": "192.0.2.7"}
    assert (
        say.get("/users/me", headers=shown(certificate), environ_overrides=stranger).json
        == FORBIDDEN
    )


@pytest.mark.parametrize("change", ["disable", "revoke"])
def test_a_certificate_ends_with_what_ends_all_credentials(say: DialectClient, change: str) -> None:
    certificate, account_id = signed(say), account_row(say.app, "user1234")["id"]
    done = say.client.post(f"/api/admin/users/{account_id}/{change}", headers=basic(*ADMIN))
    assert done.status_code == 200
    assert say.get("/users/me", headers=shown(certificate)).json == FORBIDDEN


def test_a_certificate_ends_in_time(say: DialectClient, clock: ManualClock) -> None:
    certificate = signed(say)
    clock.time = certificate.not_valid_after_utc - timedelta(seconds=1)
    assert say.get("/users/me", headers=shown(certificate)).status_code == 200
    clock.advance(seconds=1)
    assert say.get("/users/me", headers=shown(certificate)).json == FORBIDDEN
