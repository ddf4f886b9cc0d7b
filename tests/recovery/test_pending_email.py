"""A new email counts once it is confirmed; until then the former one is used for login and
reset."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from identity.domain.principal import operator
from identity.services.accounts.registration import NewAccount
from support.accounts import ADMIN
from support.app import services
from support.clock import ManualClock
from support.concurrency import at_once
from support.database import execute, rows
from support.http import basic
from support.mail import EMAIL, Mailbox, register, token_in_mail

NEW = "new@example.org"
KITE = basic("kite", "newpwd")
CONFIRM, RESET = "Confirm your email address", "Choose a new password"
TOLD, CHANGED = "A change of your email address was requested", "Your email address was changed"
Change = Callable[[FlaskClient, str], TestResponse]


def _uuid(client: FlaskClient) -> str:
    found: str = client.get("/api/users/me", headers=KITE).json["uuid"]
    return found


CHANGES: dict[str, Change] = {
    "native": lambda client, email: client.patch(
        "/api/users/me", json={"email": email}, headers=KITE
    ),
    "native, by an administrator": lambda client, email: client.patch(
        f"/api/admin/users/{me(client)['id']}", json={"email": email}, headers=basic(*ADMIN)
    ),
    "continuous": lambda client, email: client.put(
        f"/continuous/users/{_uuid(client)}", json={"email": email}, headers=KITE
    ),
    "continuous, by an administrator": lambda client, email: client.put(
        f"/continuous/users/{_uuid(client)}", json={"email": email}, headers=basic(*ADMIN)
    ),
}


@pytest.fixture(params=[False, True], ids=["unconfirmed", "confirmed"])
def mailbox(request: pytest.FixtureRequest, app: Flask, client: FlaskClient) -> Mailbox:
    """A mailbox, and an account named kite whose email it is, confirmed or not."""
    mailbox = Mailbox(app)
    register(client, "kite")
    mailbox.collect()
    if request.param:
        assert confirm(client, mailbox.token(CONFIRM)) == 200
    return mailbox


def confirm(client: FlaskClient, token: str) -> int:
    return client.post("/api/activations", json={"token": token}).status_code


def me(client: FlaskClient, caller: dict[str, str] = KITE) -> dict[str, object]:
    return dict(client.get("/api/users/me", headers=caller).json or ())


def opens(client: FlaskClient, email: str) -> list[bool]:
    """Tell where a login by this email succeeds."""
    asked = {"email": email, "password": "newpwd"}
    paths = ("/continuous/sessions", "/nerveshub/users/auth", "/wekan/users/login")
    return [client.post(path, json=asked).status_code < 300 for path in paths]


def reset_goes_to(client: FlaskClient, mailbox: Mailbox, email: str) -> list[str]:
    mailbox.collect()
    assert client.post("/api/password-resets", json={"email": email}).status_code == 204
    return [mail.recipient for mail in mailbox.collect() if mail.subject == RESET]


@pytest.mark.parametrize("way", CHANGES)
def test_the_email_in_force_stays_until_the_new_one_is_confirmed(
    client: FlaskClient, mailbox: Mailbox, way: str
) -> None:
    confirmed = me(client)["email_verified"]
    assert CHANGES[way](client, NEW).status_code in {200, 204}
    told = {(mail.recipient, mail.subject) for mail in mailbox.collect()}
    assert told == {(EMAIL, TOLD), (NEW, CONFIRM)}
    own = me(client)
    assert (own["email"], own["email_verified"], own["pending_email"]) == (EMAIL, confirmed, NEW)
    assert (opens(client, EMAIL), opens(client, NEW)) == ([True] * 3, [False] * 3)
    assert (reset_goes_to(client, mailbox, EMAIL), reset_goes_to(client, mailbox, NEW)) == (
        [EMAIL],
        [],
    )
    older = mailbox.token(RESET)
    assert confirm(client, mailbox.token(CONFIRM)) == 200
    own = me(client)
    assert (own["email"], own["email_verified"], own["pending_email"]) == (NEW, True, None)
    assert (opens(client, EMAIL), opens(client, NEW)) == ([False] * 3, [True] * 3)
    assert [(mail.recipient, mail.subject) for mail in mailbox.collect()] == [(EMAIL, CHANGED)]
    assert (reset_goes_to(client, mailbox, EMAIL), reset_goes_to(client, mailbox, NEW)) == (
        [],
        [NEW],
    )
    body = {"token": older, "password": "brand new"}
    assert client.post("/api/password-resets/redeem", json=body).status_code == 400


def test_a_first_email_is_in_force_at_once_like_one_that_is_registered(
    client: FlaskClient, app: Flask
) -> None:
    mailbox = Mailbox(app)
    client.post("/api/users", json={"username": "kite", "password": "newpwd"})
    assert CHANGES["native"](client, NEW).json["email"] == NEW
    assert [(mail.recipient, mail.subject) for mail in mailbox.collect()] == [(NEW, CONFIRM)]
    assert opens(client, NEW) == [True] * 3


@pytest.mark.parametrize("way", CHANGES)
def test_only_the_newest_pending_email_can_be_confirmed(
    client: FlaskClient, mailbox: Mailbox, way: str
) -> None:
    CHANGES[way](client, NEW)
    first = mailbox.token(CONFIRM)
    CHANGES[way](client, "newer@example.org")
    assert confirm(client, first) == 400
    assert confirm(client, mailbox.token(CONFIRM)) == 200
    assert me(client)["email"] == "newer@example.org"


def end_by_password(client: FlaskClient) -> None:
    body = {"password": "other", "current_password": "newpwd"}
    assert client.patch("/api/users/me", json=body, headers=KITE).status_code == 200


def end_by_logout(client: FlaskClient) -> None:
    assert client.delete("/api/sessions", headers=KITE).status_code == 204


def end_by_administrator(client: FlaskClient) -> None:
    path = f"/api/admin/users/{me(client)['id']}/revoke"
    assert client.post(path, headers=basic(*ADMIN)).status_code == 200


def end_by_the_email_in_force(client: FlaskClient) -> None:
    assert CHANGES["native"](client, EMAIL).status_code == 200


@pytest.mark.parametrize(
    "end", [end_by_password, end_by_logout, end_by_administrator, end_by_the_email_in_force]
)
def test_a_pending_email_is_cancelled(
    app: Flask, client: FlaskClient, mailbox: Mailbox, end: Callable[[FlaskClient], None]
) -> None:
    CHANGES["native"](client, NEW)
    token = mailbox.token(CONFIRM)
    end(client)
    assert rows(app, "SELECT email, pending_email FROM account WHERE username = 'kite'") == [
        (EMAIL, None)
    ]
    assert confirm(client, token) == 400


def test_a_reset_by_the_email_in_force_cancels_a_pending_one(
    app: Flask, client: FlaskClient, mailbox: Mailbox
) -> None:
    CHANGES["native"](client, NEW)
    token = mailbox.token(CONFIRM)
    client.post("/api/password-resets", json={"email": EMAIL})
    body = {"token": mailbox.token(RESET), "password": "brand new"}
    assert client.post("/api/password-resets/redeem", json=body).status_code == 204
    assert confirm(client, token) == 400
    assert me(client, basic("kite", "brand new"))["pending_email"] is None


def test_a_confirmation_token_is_valid_for_a_day(
    client: FlaskClient, mailbox: Mailbox, clock: ManualClock
) -> None:
    CHANGES["native"](client, NEW)
    token = mailbox.token(CONFIRM)
    clock.advance(hours=24)
    assert confirm(client, token) == 400
    assert me(client)["email"] == EMAIL


def test_an_email_that_another_account_has_is_refused_as_before(
    client: FlaskClient, mailbox: Mailbox
) -> None:
    register(client, "falcon", NEW)
    mailbox.collect()
    for way, change in CHANGES.items():
        answer = change(client, NEW.upper())
        assert (answer.status_code, answer.json["code"]) == (409, "email_taken"), way
    assert me(client)["pending_email"] is None
    assert mailbox.collect() == []


def test_an_email_that_was_taken_meanwhile_is_not_confirmed(
    client: FlaskClient, mailbox: Mailbox
) -> None:
    CHANGES["native"](client, NEW)
    token = mailbox.token(CONFIRM)
    register(client, "falcon", NEW)
    answer = client.post("/api/activations", json={"token": token})
    assert (answer.status_code, answer.json["code"]) == (409, "email_taken")
    assert me(client)["email"] == EMAIL


def test_of_two_accounts_that_confirm_one_email_at_once_one_gets_it(app: Flask) -> None:
    mailbox, client = Mailbox(app), app.test_client(use_cookies=False)
    for name in ("kite", "falcon", "eagle", "owl"):
        register(client, name, f"{name}@example.org")
        client.patch("/api/users/me", json={"email": NEW}, headers=basic(name, "newpwd"))
    tokens = [
        token_in_mail(mail.text)
        for mail in mailbox.collect()
        if (mail.recipient, mail.subject) == (NEW, CONFIRM)
    ]
    assert len(tokens) > 1
    results = at_once(*(lambda token=token: confirm(app.test_client(), token) for token in tokens))
    assert sorted(results) == [200, *[409] * (len(tokens) - 1)]
    assert len(rows(app, "SELECT id FROM account WHERE email_canonical = :new", new=NEW)) == 1


def test_a_username_that_was_the_old_email_follows(app: Flask, client: FlaskClient) -> None:
    mailbox = Mailbox(app)
    user = {"email": EMAIL, "password": "newpwd", "password_confirm": "newpwd"}
    uuid = client.post("/continuous/users", json=user).json["id"]
    mailbox.collect()
    caller = basic(EMAIL, "newpwd")
    assert (
        client.put(f"/continuous/users/{uuid}", json={"email": NEW}, headers=caller).status_code
        == 204
    )
    assert me(client, caller)["username"] == EMAIL
    assert (
        client.get(f"/continuous/users/{uuid}/activate?token={mailbox.token(CONFIRM)}").status_code
        == 200
    )
    assert me(client, basic(NEW, "newpwd"))["username"] == NEW
    assert client.get("/api/resource", headers=caller).status_code == 401


def test_a_username_whose_new_email_is_another_name_gets_one_of_its_own(
    app: Flask, client: FlaskClient
) -> None:
    mailbox = Mailbox(app)
    user = {"email": EMAIL, "password": "newpwd", "password_confirm": "newpwd"}
    uuid = client.post("/continuous/users", json=user).json["id"]
    services(app).accounts.create(operator(), NewAccount("falcon", "newpwd"), admin=False)
    execute(
        app,
        "UPDATE account SET username = :new, username_canonical = :new WHERE username = 'falcon'",
        new=NEW,
    )
    mailbox.collect()
    client.put(f"/continuous/users/{uuid}", json={"email": NEW}, headers=basic(EMAIL, "newpwd"))
    assert (
        client.get(f"/continuous/users/{uuid}/activate?token={mailbox.token(CONFIRM)}").status_code
        == 200
    )
    ((name,),) = rows(app, "SELECT username FROM account WHERE uuid = :uuid", uuid=uuid)
    assert name.startswith("user-")
    assert me(client, basic(name, "newpwd"))["email"] == NEW


def test_an_email_that_is_the_username_is_not_given_up(client: FlaskClient) -> None:
    user = {"email": EMAIL, "password": "newpwd", "password_confirm": "newpwd"}
    client.post("/continuous/users", json=user)
    caller = basic(EMAIL, "newpwd")
    refused = client.patch("/api/users/me", json={"email": None}, headers=caller)
    assert (refused.status_code, refused.json["errors"][0]["field"]) == (400, "email")
    both = client.patch("/api/users/me", json={"email": None, "username": "kite"}, headers=caller)
    assert (both.status_code, both.json["email"]) == (200, None)


def test_audit_log_distinguishes_a_request_from_a_change(
    client: FlaskClient, mailbox: Mailbox
) -> None:
    CHANGES["native"](client, NEW)
    confirm(client, mailbox.token(CONFIRM))
    events = client.get("/api/admin/audit", headers=basic(*ADMIN)).json["events"]
    told = [
        (each["kind"], each["credential"]) for each in events if each["kind"].startswith("email")
    ]
    assert told == [("email.changed", "mailed_token"), ("email.change_requested", "password")]
