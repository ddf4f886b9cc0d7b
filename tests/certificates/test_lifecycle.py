"""Certificates are listed, revoked and renewed; each way to end one takes effect at once and in the
revocation list."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from flask import Flask
from flask.testing import FlaskClient

from support.accounts import populate
from support.certificates import PEM, csr, new_key, openssl, signed
from support.clock import ManualClock
from support.http import basic, bearer, token_of

SECRET = "0123456789abcdef0123456789abcdef"
HAWK, ADMIN = basic("hawk", "newpwd"), basic("admin", "changeme")


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    """An application behind a proxy on this machine."""
    app = make_app(trusted_proxies="127.0.0.1", proxy_secret=SECRET)
    populate(app)
    return app


def shown(certificate: Any) -> dict[str, str]:
    """Return the headers with which the proxy shows a certificate."""
    pem = certificate.public_bytes(PEM).decode()
    return {
        "X-Proxy-Secret": SECRET,
        "X-Client-Verify": "SUCCESS",
        "X-Client-Cert": quote(pem, safe=""),
    }


def opens(client: FlaskClient, certificate: Any) -> bool:
    """Tell whether a certificate opens the resource, in the native dialect and in NervesHub's
    alike."""
    headers = shown(certificate)
    statuses = [
        client.get(path, headers=headers).status_code
        for path in ("/api/resource", "/nerveshub/users/me")
    ]
    assert statuses in ([200, 200], [401, 403])
    return statuses[0] == 200


def listed(client: FlaskClient) -> Any:
    """Return the revocation list."""
    return x509.load_der_x509_crl(client.get("/ca.crl").data)


def on_the_list(client: FlaskClient, certificate: Any) -> bool:
    """Tell whether a certificate is on the revocation list."""
    return (
        listed(client).get_revoked_certificate_by_serial_number(certificate.serial_number)
        is not None
    )


def test_a_certificate_opens_what_a_password_opens(client: FlaskClient) -> None:
    made = signed(client)
    assert client.get("/api/resource", headers=shown(made)).json == {"data": "Hello, hawk!"}
    assert client.get("/nerveshub/users/me", headers=shown(made)).json["username"] == "hawk"
    assert not on_the_list(client, made)


def test_own_certificates_are_listed_newest_first(client: FlaskClient, clock: ManualClock) -> None:
    first = signed(client)
    clock.advance(minutes=1)
    second = signed(client)
    signed(client, None, ("admin", "changeme"))
    entries = client.get("/api/certificates", headers=HAWK).json["certificates"]
    assert [entry["serial"] for entry in entries] == [
        str(second.serial_number),
        str(first.serial_number),
    ]
    named = {
        "serial",
        "fingerprint",
        "description",
        "not_before",
        "not_after",
        "revoked_at",
        "renewed_from",
        "line",
    }
    assert entries[0].keys() == named
    assert (entries[0]["renewed_from"], entries[0]["line"]) == (None, entries[0]["serial"])
    assert entries[0]["revoked_at"] is None


def test_a_revoked_certificate_is_closed_at_once_and_listed(client: FlaskClient) -> None:
    made, other = signed(client), signed(client)
    path = f"/api/certificates/{made.serial_number}"
    assert client.delete(path, headers=HAWK).status_code == 204
    assert (opens(client, made), on_the_list(client, made)) == (False, True)
    assert (opens(client, other), on_the_list(client, other)) == (True, False)
    entries = {
        entry["serial"]: entry
        for entry in client.get("/api/certificates", headers=HAWK).json["certificates"]
    }
    assert entries[str(made.serial_number)]["revoked_at"] is not None
    assert client.delete(path, headers=HAWK).status_code == 404


def test_sessions_that_a_certificate_opened_end_when_it_is_revoked(client: FlaskClient) -> None:
    made = signed(client)
    by_certificate = client.get("/api/token", headers=shown(made)).json["token"]
    by_password = token_of(client, "hawk", "newpwd")
    assert client.get("/api/resource", headers=bearer(by_certificate)).status_code == 200
    client.delete(f"/api/certificates/{made.serial_number}", headers=HAWK)
    assert client.get("/api/resource", headers=bearer(by_certificate)).status_code == 401
    assert client.get("/api/resource", headers=bearer(by_password)).status_code == 200


@pytest.mark.parametrize("user", [HAWK, ADMIN])
def test_others_certificates_are_not_there(client: FlaskClient, user: dict[str, str]) -> None:
    owner = ("admin", "changeme") if user is HAWK else ("hawk", "newpwd")
    made = signed(client, None, owner)
    foreign = client.delete(f"/api/certificates/{made.serial_number}", headers=user)
    unknown = client.delete("/api/certificates/12345", headers=user)
    assert foreign.status_code == unknown.status_code == 404
    assert foreign.json["detail"] == unknown.json["detail"]
    assert opens(client, made)


@pytest.mark.parametrize("serial", ["0", "-1", "007", "x", "1" * 51, "1.0", "%D9%A1"])
def test_what_is_no_serial_is_not_there(client: FlaskClient, serial: str) -> None:
    assert client.delete(f"/api/certificates/{serial}", headers=HAWK).status_code == 404


@pytest.mark.parametrize(
    ("method", "path"), [("get", ""), ("post", ""), ("post", "/renew"), ("delete", "/1")]
)
def test_no_action_without_a_credential(client: FlaskClient, method: str, path: str) -> None:
    assert getattr(client, method)(f"/api/certificates{path}").status_code == 401


def renewed(client: FlaskClient, headers: dict[str, str]) -> Any:
    return client.post("/api/certificates/renew", json={"csr": csr()}, headers=headers)


def test_a_certificate_renews_itself(client: FlaskClient, clock: ManualClock) -> None:
    old = signed(client)
    clock.advance(days=364)
    answer = renewed(client, shown(old))
    assert answer.status_code == 201
    new = x509.load_pem_x509_certificate(answer.json["cert"].encode())
    assert new.subject == old.subject
    assert new.not_valid_after_utc - old.not_valid_after_utc == timedelta(days=364)
    clock.advance(days=2)
    assert (opens(client, old), opens(client, new)) == (False, True)
    assert renewed(client, shown(old)).status_code == 401


def test_only_a_certificate_renews_one(client: FlaskClient) -> None:
    signed(client)
    token = token_of(client, "hawk", "newpwd")
    assert [renewed(client, headers).status_code for headers in (HAWK, bearer(token))] == [401, 401]


def test_a_certificate_signs_no_others_and_changes_no_password(client: FlaskClient) -> None:
    made = shown(signed(client))
    token = client.get("/api/token", headers=made).json["token"]
    for headers in (made, bearer(token)):
        answer = client.post("/api/certificates", json={"csr": csr()}, headers=headers)
        assert (answer.status_code, answer.json["code"]) == (401, "step_up_required")
        assert client.delete("/api/users/me", headers=headers).status_code == 401
        serial = client.get("/api/certificates", headers=headers).json["certificates"][0]["serial"]
        assert client.delete(f"/api/certificates/{serial}", headers=headers).status_code == 401
    assert renewed(client, bearer(token)).status_code == 401


def test_a_request_with_credentials_of_two_users_is_refused(client: FlaskClient) -> None:
    body = {"email": "hawk", "password": "newpwd", "description": "x"}
    own, other = signed(client), signed(client, None, ("admin", "changeme"))
    token = token_of(client, "admin", "changeme")
    for headers in (
        shown(other),
        ADMIN,
        bearer(token),
        basic("hawk", "wrong"),
        {"Authorization": "Basic ?"},
    ):
        answer = client.post("/nerveshub/users/sign", json={**body, "csr": csr()}, headers=headers)
        assert (answer.status_code, answer.json) == (500, {"errors": "authentication_failed"})
    assert len(client.get("/api/certificates", headers=HAWK).json["certificates"]) == 1
    for headers in (shown(own), HAWK, {}):
        answer = client.post("/nerveshub/users/sign", json={**body, "csr": csr()}, headers=headers)
        assert answer.status_code == 200


def revoke(client: FlaskClient) -> None:
    entries = client.get("/api/certificates", headers=HAWK).json["certificates"]
    assert (
        client.delete(f"/api/certificates/{entries[0]['serial']}", headers=HAWK).status_code == 204
    )


def disable(client: FlaskClient) -> None:
    assert client.post("/api/admin/users/2/disable", headers=ADMIN).status_code == 200


def disable_and_enable(client: FlaskClient) -> None:
    disable(client)
    assert client.post("/api/admin/users/2/enable", headers=ADMIN).status_code == 200


def disable_in_wekan(client: FlaskClient) -> None:
    token = client.post(
        "/wekan/users/login", json={"username": "admin", "password": "changeme"}
    ).json["token"]
    users = client.get("/wekan/api/users", headers=bearer(token)).json
    own = next(user["_id"] for user in users if user["username"] == "hawk")
    client.put(f"/wekan/api/users/{own}", json={"action": "disableLogin"}, headers=bearer(token))


def delete(client: FlaskClient) -> None:
    assert client.delete("/api/users/me", headers=HAWK).status_code == 204


def delete_by_admin(client: FlaskClient) -> None:
    assert client.delete("/api/admin/users/2", headers=ADMIN).status_code == 204


def delete_and_register_again(client: FlaskClient) -> None:
    delete(client)
    assert (
        client.post("/api/users", json={"username": "hawk", "password": "newpwd"}).status_code
        == 201
    )


def change_password(client: FlaskClient) -> None:
    body = {"password": "other", "current_password": "newpwd"}
    assert client.patch("/api/users/me", json=body, headers=HAWK).status_code == 200


def log_out_everywhere(client: FlaskClient) -> None:
    assert client.delete("/api/sessions", headers=HAWK).status_code == 204


def log_out_by_admin(client: FlaskClient) -> None:
    assert client.post("/api/admin/users/2/revoke", headers=ADMIN).status_code == 200


@pytest.mark.parametrize(
    "end",
    [
        revoke,
        disable,
        disable_and_enable,
        disable_in_wekan,
        delete,
        delete_by_admin,
        delete_and_register_again,
        change_password,
        log_out_everywhere,
        log_out_by_admin,
    ],
)
def test_a_certificate_is_closed_at_once_and_on_the_list_after(
    client: FlaskClient, clock: ManualClock, end: Callable[[FlaskClient], None]
) -> None:
    made, others = signed(client), signed(client, None, ("admin", "changeme"))
    assert opens(client, made)
    end(client)
    assert (opens(client, made), on_the_list(client, made)) == (False, True)
    assert renewed(client, shown(made)).status_code == 401
    assert (opens(client, others), on_the_list(client, others)) == (True, False)
    clock.advance(days=366)
    assert len(listed(client)) == 0


def test_a_certificate_is_valid_from_its_first_second_to_its_last(
    client: FlaskClient, clock: ManualClock
) -> None:
    made = signed(client)
    clock.time = made.not_valid_before_utc
    assert opens(client, made)
    clock.advance(seconds=-1)
    assert not opens(client, made)
    clock.time = made.not_valid_after_utc
    assert not opens(client, made)
    clock.advance(seconds=-1)
    assert opens(client, made)


def test_the_list_is_given_in_der_and_pem_and_openssl_reads_both(
    client: FlaskClient, clock: ManualClock, tmp_path: Path
) -> None:
    made = signed(client)
    client.delete(f"/api/certificates/{made.serial_number}", headers=HAWK)
    der, pem = client.get("/ca.crl"), client.get("/ca.crl?format=pem")
    assert (der.mimetype, pem.mimetype) == ("application/pkix-crl", "application/x-pem-file")
    ca = tmp_path / "ca.pem"
    ca.write_text(client.get("/ca.pem").text)
    for data, form in ((der.data, "DER"), (pem.data, "PEM")):
        told = openssl("crl", "-inform", form, "-noout", "-text", "-CAfile", str(ca), given=data)
        assert f"{made.serial_number:X}" in told.replace(":", "")
    (tmp_path / "crl.pem").write_bytes(pem.data)
    (tmp_path / "own.pem").write_bytes(made.public_bytes(PEM))
    at = str(int(clock.now().timestamp()))
    with pytest.raises(AssertionError, match=r"certificate revoked"):
        openssl(
            "verify",
            "-attime",
            at,
            "-crl_check",
            "-CAfile",
            str(ca),
            "-CRLfile",
            str(tmp_path / "crl.pem"),
            str(tmp_path / "own.pem"),
        )


def test_the_list_is_made_anew_before_it_expires(client: FlaskClient, clock: ManualClock) -> None:
    first = listed(client)
    assert first.next_update_utc - clock.now() == timedelta(days=7)
    clock.advance(days=6, hours=23)
    second = listed(client)
    assert second.last_update_utc == clock.now()
    numbers = [
        each.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
        for each in (first, second)
    ]
    assert numbers[0] < numbers[1]
    authority = x509.load_pem_x509_certificate(client.get("/ca.pem").data)
    assert second.is_signature_valid(authority.public_key())
    assert second.issuer == authority.subject


def test_a_wrong_password_beside_a_valid_certificate_is_a_wrong_password(
    client: FlaskClient,
) -> None:
    made = shown(signed(client))
    assert client.get("/api/resource", headers=made | basic("hawk", "wrong")).status_code == 401
    assert client.get("/api/resource", headers=made | ADMIN).json == {"data": "Hello, admin!"}


def test_a_certificate_of_another_key_with_the_same_text_is_refused(
    client: FlaskClient, clock: ManualClock
) -> None:
    made = signed(client)
    twin = (
        x509.CertificateBuilder(
            made.issuer, made.subject, new_key().public_key(), made.serial_number
        )
        .not_valid_before(made.not_valid_before_utc)
        .not_valid_after(made.not_valid_after_utc)
    )
    for extension in made.extensions:
        twin = twin.add_extension(extension.value, critical=extension.critical)
    forged = twin.sign(new_key(), made.signature_hash_algorithm)
    assert not opens(client, forged)
    assert forged.public_bytes(serialization.Encoding.DER) != made.public_bytes(
        serialization.Encoding.DER
    )
