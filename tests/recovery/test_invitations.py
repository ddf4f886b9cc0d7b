"""Invitations: the account exists at once, and can log in once its owner has chosen a password."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from support.accounts import ADMIN, HAWK
from support.clock import ManualClock
from support.http import basic, token_of
from support.mail import Mailbox

INVITATIONS = "/api/admin/invitations"
SUBJECT = "Choose a password for your account"
CHOSEN = "a-long-passphrase-9"


@pytest.fixture
def mailbox(app: Flask) -> Mailbox:
    return Mailbox(app)


def invite(client: FlaskClient, **more: Any) -> Any:
    return client.post(
        INVITATIONS, json={"email": "owl@example.org", **more}, headers=basic(*ADMIN)
    )


def redeem(client: FlaskClient, token: str, password: str = CHOSEN) -> int:
    body = {"token": token, "password": password}
    return client.post("/api/password-resets/redeem", json=body).status_code


@pytest.mark.parametrize(("username", "named"), [(None, "owl@example.org"), ("owl", "owl")])
def test_an_invited_owner_chooses_the_password_and_confirms_the_email(
    client: FlaskClient, mailbox: Mailbox, username: str | None, named: str
) -> None:
    made = invite(client, **({"username": username} if username else {}), full_name="A. Owl")
    assert (made.status_code, made.json["username"], made.json["email_verified"]) == (
        201,
        named,
        False,
    )
    assert made.headers["Location"].endswith(f"/api/admin/users/{made.json['id']}")
    for guess in ("!", "", "x", CHOSEN):
        assert client.get("/api/token", headers=basic(named, guess)).status_code == 401
    token = mailbox.token(SUBJECT)
    assert redeem(client, token, "") == 400
    assert redeem(client, token) == 204
    assert redeem(client, token) == 400
    own = client.get("/api/users/me", headers=basic(named, CHOSEN)).json
    assert (own["email_verified"], own["activated"], own["admin"]) == (True, True, False)


def test_an_invitation_lasts_a_week(
    client: FlaskClient, mailbox: Mailbox, clock: ManualClock
) -> None:
    invite(client)
    token = mailbox.token(SUBJECT)
    clock.advance(days=6, hours=23)
    assert client.get(f"/reset?token={token}").status_code == 200
    clock.advance(hours=1, seconds=1)
    assert redeem(client, token) == 400


def test_an_invitation_ends_with_a_password_that_was_set_otherwise(
    client: FlaskClient, mailbox: Mailbox
) -> None:
    made = invite(client)
    token = mailbox.token(SUBJECT)
    path = f"/api/admin/users/{made.json['id']}"
    assert client.patch(path, json={"password": CHOSEN}, headers=basic(*ADMIN)).status_code == 200
    assert redeem(client, token) == 400


def test_an_owner_who_lost_the_invitation_asks_for_a_reset(
    client: FlaskClient, mailbox: Mailbox
) -> None:
    invite(client)
    client.post("/api/password-resets", json={"email": "owl@example.org"})
    assert redeem(client, mailbox.token("Choose a new password")) == 204
    assert client.get("/api/token", headers=basic("owl@example.org", CHOSEN)).status_code == 200


def test_an_administrator_is_invited_with_recent_authentication_only(
    client: FlaskClient, clock: ManualClock, mailbox: Mailbox
) -> None:
    token = token_of(client, *ADMIN)
    clock.advance(minutes=9)
    token = client.get("/api/token", headers=basic(token)).json["token"]
    clock.advance(minutes=7)
    body = {"email": "owl@example.org", "admin": True}
    late = client.post(INVITATIONS, json=body, headers=basic(token))
    assert (late.status_code, late.json["code"]) == (401, "step_up_required")
    assert invite(client, admin=True).json["admin"] is True
    assert mailbox.token(SUBJECT)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"email": "no email"}, 400),
        ({}, 400),
        ({"email": "x@example.org", "username": "root"}, 400),
        ({"email": "x@example.org", "username": "other@example.org"}, 400),
        ({"email": "x@example.org", "username": "hawk"}, 409),
        ({"email": "x@example.org", "password": "newpwd"}, 400),
    ],
)
def test_an_invitation_is_judged_before_anything_is_made(
    client: FlaskClient, mailbox: Mailbox, body: dict[str, str], status: int
) -> None:
    assert client.post(INVITATIONS, json=body, headers=basic(*ADMIN)).status_code == status
    assert client.post(INVITATIONS, json=body, headers=basic(*HAWK)).status_code in {400, 403}
    assert mailbox.fetch() == []
    assert len(client.get("/api/admin/users", headers=basic(*ADMIN)).json["users"]) == 2


def test_an_email_of_another_account_is_not_invited(client: FlaskClient, mailbox: Mailbox) -> None:
    assert invite(client).status_code == 201
    again = invite(client, username="other")
    assert (again.status_code, again.json["code"]) == (409, "email_taken")
    assert len(mailbox.fetch()) == 1
