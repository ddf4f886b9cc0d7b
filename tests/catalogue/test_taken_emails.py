"""Hardened, a taken email is registered like any other, and its owner is notified."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from identity.domain.principal import operator
from identity.services.accounts.changes import ProfileChange
from identity.services.accounts.registration import NewAccount
from identity.store.models import Account
from support.app import principal, services
from support.concurrency import at_once, count_types
from support.database import account_row, table_rows
from support.enumeration.probes import HARDENED, LONG_PASSWORD, REGISTRATIONS, Prober
from support.http import basic
from support.mail import ACTIVATION, CHANGED, RESET, Mailbox

OWNED = "hawk@example.org"
WANTED = "You already have an account"
OTHER = "another rather long passphrase"


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    """A hardened service where hawk has an email."""
    app = make_app(**HARDENED, database_pool="20")
    Prober(app)  # which hashes cheaply
    services(app).accounts.create(operator(), NewAccount("hawk", LONG_PASSWORD, OWNED), admin=True)
    return app


@pytest.fixture
def mailbox(app: Flask) -> Mailbox:
    mailbox = Mailbox(app)
    mailbox.fetch()
    mailbox.mails.clear()
    return mailbox


def register(app: Flask, dialect: str, name: str, email: str) -> TestResponse:
    path, fields = REGISTRATIONS[dialect]
    body = {key: value.format(new=name) for key, value in fields.items()} | {
        "password": OTHER,
        "email": email,
    }
    return app.test_client().post(
        path, json=body | ({"password_confirm": OTHER} if dialect == "continuous" else {})
    )


def shape(answer: TestResponse, *own: str) -> tuple[Any, ...]:
    """Return an answer without what is made for one account alone: names, ids and tokens."""
    text = answer.text
    for word in own:
        text = text.replace(word, "(own)")
    text = re.sub(
        r"[0-9a-f]{8}-[0-9a-f-]{27}|\"[A-Za-z0-9_-]{17}\"|[A-Za-z0-9_-]{43}", "(made)", text
    )
    return answer.status, [name for name, _ in answer.headers], text


@pytest.mark.parametrize("dialect", REGISTRATIONS)
@pytest.mark.parametrize("taken", [OWNED, "HAWK@Example.ORG"])
def test_a_taken_email_is_answered_like_a_free_one(
    app: Flask, mailbox: Mailbox, dialect: str, taken: str
) -> None:
    free = register(app, dialect, "kite", "kite@example.org")
    other = register(app, dialect, "kiwi", taken)
    assert free.status_code < 300
    assert shape(other, taken, "kiwi") == shape(free, "kite@example.org", "kite")
    told = [(mail.recipient, mail.subject) for mail in mailbox.fetch()]
    assert told == [("kite@example.org", ACTIVATION), (OWNED, WANTED)]
    mail = mailbox.mails[-1]
    assert "Account: hawk" in mail.text
    assert "Token" not in mail.text
    assert "kiwi" not in mail.text


def test_the_claimant_sees_it_as_unconfirmed_and_gets_nothing_by_it(
    app: Flask, mailbox: Mailbox
) -> None:
    register(app, "native", "kite", OWNED)
    client = app.test_client()
    own = client.get("/api/users/me", headers=basic("kite", OTHER)).json
    assert (own["email"], own["email_verified"]) == (OWNED, False)
    assert account_row(app, "kite")["email_canonical"] is None
    before = account_row(app, "hawk")
    mailbox.fetch()
    mailbox.mails.clear()
    assert client.post("/api/password-resets", json={"email": OWNED}).status_code == 204
    assert [(each.recipient, each.subject) for each in mailbox.fetch()] == [(OWNED, RESET)]
    body = {"token": mailbox.token(RESET), "password": "a third long passphrase"}
    assert client.post("/api/password-resets/redeem", json=body).status_code == 204
    assert client.get("/api/resource", headers=basic("kite", OTHER)).status_code == 200
    assert account_row(app, "hawk")["version"] == before["version"] + 1
    assert account_row(app, "kite")["version"] == 1


def test_nothing_about_the_others_account_is_mailed_to_the_owner(
    app: Flask, mailbox: Mailbox
) -> None:
    register(app, "native", "kite", OWNED)
    mailbox.fetch()
    mailbox.mails.clear()
    services(app).profiles.change(
        principal(app, "kite", OTHER),
        ProfileChange(),
        password="a third long passphrase",
        current_password=OTHER,
    )
    assert [mail for mail in mailbox.fetch() if mail.subject == CHANGED] == []


def test_a_change_to_a_taken_email_is_answered_like_one_to_a_free_one(
    app: Flask, mailbox: Mailbox
) -> None:
    register(app, "native", "kite", "kite@example.org")
    client = app.test_client()
    for wanted in ("free@example.org", OWNED):
        answer = client.patch("/api/users/me", json={"email": wanted}, headers=basic("kite", OTHER))
        shown = (answer.status_code, answer.json["email"], answer.json["pending_email"])
        assert shown == (200, "kite@example.org", wanted)
    assert account_row(app, "hawk")["email_canonical"] == OWNED
    assert [mail.recipient for mail in mailbox.fetch() if mail.subject == WANTED] == [OWNED]


def test_one_change_of_everything_to_a_taken_email_is_no_refusal_either(app: Flask) -> None:
    register(app, "native", "kite", "kite@example.org")
    body = {"email": OWNED, "password": "a third long passphrase", "current_password": OTHER}
    answer = app.test_client().patch("/api/users/me", json=body, headers=basic("kite", OTHER))
    assert answer.status_code == 200, answer.text


def test_a_free_email_goes_to_the_next_caller(app: Flask) -> None:
    register(app, "native", "kite", OWNED)
    client = app.test_client()
    assert (
        client.patch(
            "/api/users/me", json={"email": None}, headers=basic("hawk", LONG_PASSWORD)
        ).status_code
        == 200
    )
    assert (
        client.patch(
            "/api/users/me", json={"email": OWNED}, headers=basic("kite", OTHER)
        ).status_code
        == 200
    )
    assert account_row(app, "kite")["email_canonical"] == OWNED


def test_own_email_may_be_spelled_anew(app: Flask) -> None:
    client = app.test_client()
    answer = client.patch(
        "/api/users/me", json={"email": "Hawk@example.org"}, headers=basic("hawk", LONG_PASSWORD)
    )
    assert answer.json["email"] == "Hawk@example.org"
    assert account_row(app, "hawk")["email_canonical"] == OWNED


def test_an_administrator_is_notified(app: Flask) -> None:
    body = {"username": "kite", "password": OTHER, "email": OWNED}
    answer = app.test_client().post(
        "/api/admin/users", json=body, headers=basic("hawk", LONG_PASSWORD)
    )
    assert (answer.status_code, answer.json["code"]) == (409, "email_taken")


def test_of_eight_at_once_one_gets_the_email_and_all_get_one_answer(app: Flask) -> None:
    names = [f"bird{number}" for number in range(8)]
    results = at_once(
        *(lambda name=name: register(app, "native", name, "new@example.org") for name in names)
    )
    assert count_types(results) == {"WrapperTestResponse": 8}
    assert {answer.status_code for answer in results} == {201}
    claimed = [row for row in table_rows(app, Account) if row["email"] == "new@example.org"]
    assert len(claimed) == 8
    assert len([row for row in claimed if row["email_canonical"]]) == 1
