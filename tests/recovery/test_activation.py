"""An email is confirmed once, within a day, by the token that was mailed to it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from identity.domain.claims import OneTimeClaims, Purpose
from identity.domain.principal import operator
from support.app import services
from support.clock import ManualClock
from support.http import basic
from support.mail import EMAIL, Mailbox, register

SUBJECT = "Confirm your email address"
INVALID = (400, "invalid_token")


@pytest.fixture
def mailbox(app: Flask) -> Mailbox:
    return Mailbox(app)


def me(client: FlaskClient, name: str = "kite") -> dict[str, object]:
    return dict(client.get("/api/users/me", headers=basic(name, "newpwd")).json or ())


def activate(client: FlaskClient, token: str) -> tuple[int, str]:
    answer = client.post("/api/activations", json={"token": token})
    return answer.status_code, answer.json.get("code", answer.json.get("username"))


def test_a_mailed_token_activates_and_verifies(client: FlaskClient, mailbox: Mailbox) -> None:
    register(client, "kite")
    assert (me(client)["activated"], me(client)["email_verified"]) == (False, False)
    assert activate(client, mailbox.token(SUBJECT)) == (200, "kite")
    assert (me(client)["activated"], me(client)["email_verified"]) == (True, True)


def test_an_activation_token_works_once(client: FlaskClient, mailbox: Mailbox) -> None:
    register(client, "kite")
    token = mailbox.token(SUBJECT)
    activate(client, token)
    assert activate(client, token) == INVALID


@pytest.mark.parametrize(
    ("hours", "expected"), [(23.999, (200, "kite")), (24, INVALID), (48, INVALID)]
)
def test_an_activation_token_is_valid_for_a_day(
    client: FlaskClient,
    mailbox: Mailbox,
    clock: ManualClock,
    hours: float,
    expected: tuple[int, str],
) -> None:
    register(client, "kite")
    token = mailbox.token(SUBJECT)
    clock.advance(hours=hours)
    assert activate(client, token) == expected


def test_an_activation_is_in_the_audit_log(client: FlaskClient, mailbox: Mailbox) -> None:
    register(client, "kite")
    activate(client, mailbox.token(SUBJECT))
    trail = client.get(
        "/api/admin/audit?kind=account.activated", headers=basic("admin", "changeme")
    ).json["events"]
    assert [(event["subject"], event["outcome"]) for event in trail] == [("kite", "accepted")]


def change_password(client: FlaskClient) -> None:
    body = {"password": "other", "current_password": "newpwd"}
    assert (
        client.patch("/api/users/me", json=body, headers=basic("kite", "newpwd")).status_code == 200
    )


def remove_email(client: FlaskClient) -> None:
    body = {"email": None}
    assert (
        client.patch("/api/users/me", json=body, headers=basic("kite", "newpwd")).status_code == 200
    )


def delete(client: FlaskClient) -> None:
    assert client.delete("/api/users/me", headers=basic("kite", "newpwd")).status_code == 204


def delete_and_register_again(client: FlaskClient) -> None:
    delete(client)
    register(client, "kite")


def disable(client: FlaskClient) -> None:
    account = client.get("/api/admin/users?search=kite", headers=basic("admin", "changeme")).json[
        "users"
    ][0]["id"]
    answer = client.post(f"/api/admin/users/{account}/disable", headers=basic("admin", "changeme"))
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "end", [change_password, remove_email, delete, delete_and_register_again, disable]
)
def test_an_activation_token_ends_when_the_accounts_credentials_are_invalidated(
    client: FlaskClient, mailbox: Mailbox, end: Callable[[FlaskClient], None]
) -> None:
    register(client, "kite")
    token = mailbox.token(SUBJECT)
    end(client)
    assert activate(client, token) == INVALID


def test_a_reset_token_activates_nothing(client: FlaskClient, mailbox: Mailbox) -> None:
    register(client, "kite")
    client.post("/api/password-resets", json={"email": EMAIL})
    assert activate(client, mailbox.token("Choose a new password")) == INVALID
    assert me(client)["activated"] is False


def test_a_token_with_another_accounts_id_is_refused(
    app: Flask, client: FlaskClient, mailbox: Mailbox
) -> None:
    register(client, "kite")
    token = mailbox.token(SUBJECT)
    number, rest = token.split(".", 1)
    assert activate(client, f"{int(number, 16) - 1:x}.{rest}") == INVALID
    forged = services(app).recovery._tokens.sign(
        Purpose.ACTIVATION, OneTimeClaims(10**6, 1, 2**31, "0" * 16)
    )
    assert activate(client, forged) == INVALID


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        "0" * 4096,
        "1.1.ffffffff.0000000000000000." + "A" * 43,
        "ä",
        "1." * 30,
        "../../etc/passwd",
    ],
)
def test_what_is_no_token_is_refused_alike(
    client: FlaskClient, mailbox: Mailbox, token: str
) -> None:
    register(client, "kite")
    answer = client.post("/api/activations", json={"token": token})
    wrong = client.post("/api/activations", json={"token": "x"})
    assert (
        (answer.status_code, answer.json["detail"])
        == (wrong.status_code, wrong.json["detail"])
        == (400, INVALID_WORDS)
    )


INVALID_WORDS = "This token is invalid or has expired. Request a new one."


def test_a_re_spelled_token_is_refused(client: FlaskClient, mailbox: Mailbox) -> None:
    register(client, "kite")
    token = mailbox.token(SUBJECT)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    others = [token[:-1] + alphabet[alphabet.index(token[-1]) ^ bits] for bits in (1, 2, 3)]
    respelled = [
        *others,
        token + "=",
        token + "!",
        token.upper(),
        "0" + token,
        f" {token}",
        token + "\n",
        token[:-1],
    ]
    assert {activate(client, each) for each in respelled} == {INVALID}
    assert activate(client, token) == (200, "kite")


def test_an_email_of_an_activated_account_is_verified_by_the_token_too(
    app: Flask, client: FlaskClient, mailbox: Mailbox
) -> None:
    register(client, "kite")
    uuid = me(client)["uuid"]
    services(app).activation.activate_by_id(operator(), str(uuid))
    assert (me(client)["activated"], me(client)["email_verified"]) == (True, False)
    assert activate(client, mailbox.token(SUBJECT)) == (200, "kite")
    assert me(client)["email_verified"] is True


def test_an_account_without_an_email_gets_no_mail(client: FlaskClient, mailbox: Mailbox) -> None:
    client.post("/api/users", json={"username": "kite", "password": "newpwd"})
    assert mailbox.collect() == []


def test_a_disabled_accounts_activation_opens_no_way_in(
    client: FlaskClient, mailbox: Mailbox
) -> None:
    register(client, "kite")
    token = mailbox.token(SUBJECT)
    disable(client)
    activate(client, token)
    assert client.get("/api/resource", headers=basic("kite", "newpwd")).status_code == 401
