"""What a certificate contains, what is recorded before it is sent, and that openssl accepts it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from threading import Barrier, Thread

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import ExtendedKeyUsageOID
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import create_engine, text
from werkzeug.test import TestResponse

from support.app import services
from support.certificates import csr, name, new_key, openssl, own_authority, sign, signed
from support.clock import ManualClock
from support.http import basic

HAWK = basic("hawk", "newpwd")


def account_row(database_url: str, serial: int) -> dict[str, object]:
    engine = create_engine(database_url)
    with engine.connect() as connection:
        query = text("SELECT * FROM certificate WHERE serial = :serial")
        found = dict(connection.execute(query, {"serial": str(serial)}).mappings().one())
    engine.dispose()
    return found


def test_a_certificate_says_who_and_for_what_and_no_more(
    client: FlaskClient, clock: ManualClock
) -> None:
    key = new_key()
    made = signed(client, csr(key))
    assert made.version == x509.Version.v3
    assert made.subject == name(client.get("/api/users/me", headers=HAWK).json["uuid"])
    assert made.public_key() == key.public_key()
    assert timedelta() <= clock.now() - made.not_valid_before_utc <= timedelta(minutes=5)
    assert made.not_valid_after_utc - clock.now() == timedelta(days=365)
    assert made.serial_number.bit_length() > 64
    found = {each.oid._name: (each.critical, each.value) for each in made.extensions}
    assert found.keys() == {
        "basicConstraints",
        "keyUsage",
        "extendedKeyUsage",
        "subjectKeyIdentifier",
        "authorityKeyIdentifier",
    }
    assert found["basicConstraints"] == (True, x509.BasicConstraints(ca=False, path_length=None))
    assert found["extendedKeyUsage"][1] == x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
    critical, usage = found["keyUsage"]
    assert critical
    assert isinstance(usage, x509.KeyUsage)
    assert usage.digital_signature
    others = (
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
    )
    assert not any(getattr(usage, other) for other in others)


def test_serial_and_key_ids_are_recorded_before_the_answer(
    app: Flask, client: FlaskClient, database_url: str, tmp_path: Path
) -> None:
    made = signed(client)
    authority = own_authority(tmp_path / "data").certificate
    row = account_row(database_url, made.serial_number)
    subject_id = made.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    authority_id = made.extensions.get_extension_for_class(
        x509.AuthorityKeyIdentifier
    ).value.key_identifier
    known = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    assert authority_id == known
    assert (row["subject_key_id"], row["authority_key_id"]) == (subject_id.hex(), known.hex())
    assert row["fingerprint"] == made.fingerprint(hashes.SHA256()).hex()
    assert row["account_id"] == 2
    del app


def test_a_certificate_that_cannot_be_recorded_is_not_given(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = signed(client)
    authority = services(app).certificates._authority
    issue = authority.issue

    def twice(*args: object, **more: object) -> object:
        made = issue(*args, **more)
        object.__setattr__(made, "serial", str(recorded.serial_number))
        return made

    monkeypatch.setattr(authority, "issue", twice)
    answer = sign(client, csr())
    body = answer.json or {}
    assert (answer.status_code, body["code"]) == (400, "bad_certificate_request")
    assert "cert" not in body


def test_the_answer_has_the_chain_and_openssl_verifies_it(
    client: FlaskClient, clock: ManualClock, tmp_path: Path
) -> None:
    answer = sign(client, csr(), description="laptop")
    assert answer.status_code == 201
    assert answer.json.keys() == {"cert", "chain"}
    published = client.get("/ca.pem")
    assert (published.text, published.mimetype) == (answer.json["chain"], "application/x-pem-file")
    (tmp_path / "ca.pem").write_text(published.text)
    (tmp_path / "own.pem").write_text(answer.json["cert"])
    at = ["-attime", str(int(clock.now().timestamp())), "-CAfile", str(tmp_path / "ca.pem")]
    shown = openssl(
        "verify", *at, "-purpose", "sslclient", "-x509_strict", str(tmp_path / "own.pem")
    )
    assert shown.endswith(": OK\n")
    with pytest.raises(AssertionError, match=r"(?i)purpose"):
        openssl("verify", *at, "-purpose", "sslserver", str(tmp_path / "own.pem"))


def test_the_document_of_nerveshub_gets_its_certificate(client: FlaskClient) -> None:
    body = {"csr": csr(), "email": "hawk", "password": "newpwd", "description": "laptop"}
    answer = client.post("/nerveshub/users/sign", json=body)
    assert answer.status_code == 200
    assert answer.json["cert"] == answer.json["data"]["cert"]
    made = x509.load_pem_x509_certificate(answer.json["cert"].encode())
    listed = client.get("/api/certificates", headers=HAWK).json["certificates"]
    assert [(one["serial"], one["description"]) for one in listed] == [
        (str(made.serial_number), "laptop")
    ]


@pytest.mark.parametrize("seconds", [60, 3600, 90 * 86400])
@pytest.mark.parametrize("engine_name", ["sqlite"])
def test_the_lifetime_of_a_certificate_is_a_setting(
    app: Flask, make_app: Callable[..., Flask], clock: ManualClock, seconds: int
) -> None:
    del app
    made = signed(make_app(certificate_seconds=str(seconds)).test_client())
    assert made.not_valid_after_utc - clock.now() == timedelta(seconds=seconds)


def test_no_certificate_is_valid_longer_than_its_authority(
    app: Flask, client: FlaskClient, clock: ManualClock
) -> None:
    del app
    clock.advance(days=3640)
    made = signed(client)
    authority = x509.load_pem_x509_certificate(client.get("/ca.pem").data)
    assert made.not_valid_after_utc == authority.not_valid_after_utc
    shown = client.get("/api/certificates", headers=HAWK).json["certificates"][0]["not_after"]
    assert shown.rstrip("Z") == made.not_valid_after_utc.isoformat().removesuffix("+00:00")


@pytest.mark.parametrize("public_url", ["", "https://id.example.org"])
@pytest.mark.parametrize("engine_name", ["sqlite"])
def test_a_certificate_names_the_url_of_the_revocation_list_when_it_is_known(
    app: Flask, make_app: Callable[..., Flask], public_url: str
) -> None:
    del app
    made = signed(make_app(public_url=public_url).test_client())
    points = [
        each.value for each in made.extensions if isinstance(each.value, x509.CRLDistributionPoints)
    ]
    found = [point.full_name[0].value for value in points for point in value]
    assert found == ([f"{public_url}/ca.crl"] if public_url else [])


def test_sixteen_signings_at_once_get_sixteen_recorded_serials(
    app: Flask, database_url: str
) -> None:
    start, answers = Barrier(16), dict[int, TestResponse]()
    requests = [csr() for _ in range(16)]

    def race(number: int) -> None:
        own = app.test_client(use_cookies=False)
        start.wait()
        answers[number] = sign(own, requests[number])

    threads = [Thread(target=race, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.status_code for answer in answers.values()] == [201] * 16
    serials = {
        x509.load_pem_x509_certificate(answer.json["cert"].encode()).serial_number
        for answer in answers.values()
    }
    assert len(serials) == 16
    assert all(account_row(database_url, serial)["account_id"] == 2 for serial in serials)


def test_signing_and_revoking_are_in_the_audit_log(client: FlaskClient) -> None:
    serial = signed(client).serial_number
    client.delete(f"/api/certificates/{serial}", headers=HAWK)
    events = client.get("/api/admin/audit", headers=basic("admin", "changeme")).json["events"]
    told = [
        (event["kind"], event["actor"])
        for event in events
        if event["kind"].startswith("certificate")
    ]
    assert told == [("certificate.revoked", "hawk"), ("certificate.issued", "hawk")]


def test_the_authoritys_certificate_is_one(
    client: FlaskClient, clock: ManualClock, tmp_path: Path
) -> None:
    shown = x509.load_pem_x509_certificate(client.get("/ca.pem").data)
    constraints = shown.extensions.get_extension_for_class(x509.BasicConstraints)
    assert (constraints.critical, constraints.value) == (
        True,
        x509.BasicConstraints(ca=True, path_length=0),
    )
    usage = shown.extensions.get_extension_for_class(x509.KeyUsage).value
    assert (usage.key_cert_sign, usage.crl_sign, usage.digital_signature) == (True, True, False)
    assert shown.not_valid_after_utc - clock.now() > timedelta(days=3649)
    assert shown.public_key().curve.name == "secp256r1"
    assert "PRIVATE" not in client.get("/ca.pem").text
    own = tmp_path / "data" / "ca"
    assert own.stat().st_mode & 0o777 == 0o700
    assert [file.stat().st_mode & 0o777 for file in own.iterdir()] == [0o600]
    assert shown.public_bytes(serialization.Encoding.PEM).decode() in (own / "0001.pem").read_text()
