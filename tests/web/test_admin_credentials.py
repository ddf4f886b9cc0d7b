"""Administrators and the credentials of others: passwords, sessions, certificates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from certificates.test_lifecycle import SECRET, shown
from flask import Flask
from flask.testing import FlaskClient

from identity.domain.principal import operator
from identity.services.accounts.changes import ProfileChange
from support.accounts import ADMIN, HAWK, populate
from support.app import services
from support.certificates import csr, signed
from support.clock import ManualClock
from support.http import basic, bearer, token_of
from support.mail import CHANGED, Mailbox
from support.secret_checks import CheckedClient, checked_client
from support.tokens import session_of

OTHER = ("hawk", "another-passphrase-9")
HAWKS = "/api/admin/users/2"
CHANGE = "/api/password-changes"


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    app = make_app(trusted_proxies="127.0.0.1", proxy_secret=SECRET)
    populate(app)
    services(app).administration.change(operator(), 2, ProfileChange(email="hawk@example.org"))
    return app


@pytest.fixture
def native(app: Flask) -> CheckedClient:
    return checked_client(app)


def opens(client: FlaskClient, headers: dict[str, str]) -> bool:
    return client.get("/api/resource", headers=headers).status_code == 200


def test_an_administrator_sets_a_password_which_ends_every_session_and_certificate(
    client: FlaskClient, app: Flask
) -> None:
    mailbox = Mailbox(app)
    token, certificate = token_of(client, *HAWK), signed(client)
    answer = client.patch(HAWKS, json={"password": OTHER[1]}, headers=basic(*ADMIN))
    assert (answer.status_code, answer.json["must_change_password"]) == (200, False)
    ended = (basic(*HAWK), bearer(token), shown(certificate))
    assert [opens(client, each) for each in ended] == [False] * 3
    assert opens(client, basic(*OTHER))
    assert CHANGED in [mail.subject for mail in mailbox.fetch()]


def test_a_set_password_is_judged_and_needs_recent_authentication(
    native: CheckedClient, clock: ManualClock
) -> None:
    for password in ("", "x" * 257, "a\nb"):
        native.ask("PATCH", HAWKS, 400, ADMIN, password=password)
    token = token_of(native, *ADMIN)
    clock.advance(minutes=8)
    token = native.get("/api/token", headers=bearer(token)).json["token"]
    clock.advance(minutes=8)
    for body in ({"password": OTHER[1]}, {"must_change_password": True}):
        answer = native.patch(HAWKS, json=body, headers=bearer(token))
        assert (answer.status_code, answer.json["code"]) == (401, "step_up_required")
    assert opens(native, basic(*HAWK))


def must_change(client: FlaskClient, **more: Any) -> None:
    answer = client.patch(HAWKS, json={"must_change_password": True, **more}, headers=basic(*ADMIN))
    assert (answer.status_code, answer.json["must_change_password"]) == (200, True)


LOGINS: dict[str, tuple[str, str, dict[str, str]]] = {
    "native": ("GET", "/api/token", {}),
    "azuma": ("POST", "/azuma/user/login", {"name": "hawk", "password": HAWK[1]}),
    "continuous": (
        "POST",
        "/continuous/sessions",
        {"email": "hawk@example.org", "password": HAWK[1]},
    ),
    "nerveshub": ("POST", "/nerveshub/users/login", {"email": "hawk", "password": HAWK[1]}),
    "nerveshub check": ("POST", "/nerveshub/users/auth", {"email": "hawk", "password": HAWK[1]}),
    "wekan": ("POST", "/wekan/users/login", {"username": "hawk", "password": HAWK[1]}),
}


@pytest.mark.parametrize(("method", "path", "body"), LOGINS.values(), ids=LOGINS)
def test_a_password_that_must_be_changed_opens_nothing(
    client: FlaskClient, method: str, path: str, body: dict[str, str]
) -> None:
    token = token_of(client, *HAWK)
    must_change(client)
    headers = {} if body else basic(*HAWK)
    right = client.open(path, method=method, json=body or None, headers=headers)
    assert right.status_code == 403, right.text
    assert not opens(client, bearer(token))
    wrong = {key: "wrong" if key == "password" else value for key, value in body.items()}
    refused = client.open(
        path, method=method, json=wrong or None, headers={} if body else basic("hawk", "wrong")
    )
    assert "must be changed" not in refused.text
    if path.startswith("/api"):
        assert (right.json["code"], refused.status_code) == ("password_change_required", 401)


def test_the_owner_replaces_a_password_that_must_be_changed(client: FlaskClient) -> None:
    must_change(client)
    asked = {"username": "hawk", "current_password": HAWK[1], "password": OTHER[1]}
    for wrong, status in (
        ({"current_password": "wrong"}, 401),
        ({"password": HAWK[1]}, 400),
        ({"password": ""}, 400),
        ({"username": "nobody-here"}, 401),
    ):
        assert client.post(CHANGE, json=asked | wrong).status_code == status
    assert client.get("/api/token", headers=basic(*HAWK)).status_code == 403
    assert client.post(CHANGE, json=asked).status_code == 204
    assert client.get("/api/token", headers=basic(*OTHER)).status_code == 200
    assert client.get("/api/token", headers=basic(*HAWK)).status_code == 401
    assert client.get(HAWKS, headers=basic(*ADMIN)).json["must_change_password"] is False


def test_a_password_can_be_replaced_without_being_asked_to(client: FlaskClient) -> None:
    token = token_of(client, *HAWK)
    asked = {"username": "HAWK", "current_password": HAWK[1], "password": OTHER[1]}
    assert client.post(CHANGE, json=asked).status_code == 204
    assert not opens(client, bearer(token))
    assert opens(client, basic(*OTHER))


def test_a_reset_by_mail_satisfies_the_wish_for_another_password(
    client: FlaskClient, app: Flask
) -> None:
    mailbox = Mailbox(app)
    must_change(client)
    client.post("/api/password-resets", json={"email": "hawk@example.org"})
    body = {"token": mailbox.token("Choose a new password"), "password": OTHER[1]}
    assert client.post("/api/password-resets/redeem", json=body).status_code == 204
    assert client.get("/api/token", headers=basic(*OTHER)).status_code == 200


def test_an_account_is_made_with_a_password_that_must_be_changed(client: FlaskClient) -> None:
    wanted = {"username": "newcomer", "password": "first-passphrase", "must_change_password": True}
    made = client.post("/api/admin/users", json=wanted, headers=basic(*ADMIN))
    assert (made.status_code, made.json["must_change_password"]) == (201, True)
    assert (
        client.get("/api/token", headers=basic("newcomer", "first-passphrase")).status_code == 403
    )


def test_a_forward_auth_check_refuses_a_password_that_must_be_changed(client: FlaskClient) -> None:
    must_change(client)
    assert client.get("/api/verify", headers=basic(*HAWK)).status_code == 403


def test_an_administrator_lists_and_ends_sessions(client: FlaskClient) -> None:
    one, two = token_of(client, *HAWK), token_of(client, *HAWK)
    listed = client.get(f"{HAWKS}/sessions", headers=basic(*ADMIN)).json["sessions"]
    assert {each["id"] for each in listed} == {session_of(one), session_of(two)}
    assert not any(each["current"] for each in listed)
    path = f"{HAWKS}/sessions/{session_of(one)}"
    assert client.delete(path.replace("/2/", "/1/"), headers=basic(*ADMIN)).status_code == 404
    assert client.delete(path, headers=basic(*ADMIN)).status_code == 204
    assert [opens(client, bearer(each)) for each in (one, two)] == [False, True]
    assert client.delete(path, headers=basic(*ADMIN)).status_code == 404
    events = client.get("/api/admin/audit?kind=session.revoked", headers=basic(*ADMIN)).json[
        "events"
    ]
    assert [(each["actor"], each["subject"]) for each in events] == [("admin", "hawk")]


def test_an_administrator_lists_and_revokes_certificates(client: FlaskClient, app: Flask) -> None:
    mailbox = Mailbox(app)
    certificate, other = signed(client), signed(client)
    renewed = client.post(
        "/api/certificates/renew", json={"csr": csr()}, headers=shown(certificate)
    )
    assert renewed.status_code == 201
    listed = client.get(f"{HAWKS}/certificates", headers=basic(*ADMIN)).json["certificates"]
    assert len(listed) == 3
    assert [each for each in listed if each["renewed_from"] == str(certificate.serial_number)]
    path = f"{HAWKS}/certificates/{certificate.serial_number}"
    assert client.delete(path.replace("/2/", "/1/"), headers=basic(*ADMIN)).status_code == 404
    assert client.delete(path, headers=basic(*ADMIN)).status_code == 204
    assert [opens(client, shown(each)) for each in (certificate, other)] == [False, True]
    revoked = [
        each["revoked_at"]
        for each in client.get(f"{HAWKS}/certificates", headers=basic(*ADMIN)).json["certificates"]
    ]
    assert sum(each is not None for each in revoked) == 2
    assert "A certificate was revoked" in [mail.subject for mail in mailbox.fetch()]


@pytest.mark.parametrize("path", [f"{HAWKS}/sessions", f"{HAWKS}/certificates"])
def test_credentials_of_others_are_shown_to_administrators_alone(
    client: FlaskClient, path: str
) -> None:
    assert client.get(path).status_code == 401
    assert client.get(path, headers=basic(*HAWK)).status_code == 403
    assert client.get(path.replace("/2/", "/99/"), headers=basic(*ADMIN)).status_code == 404
