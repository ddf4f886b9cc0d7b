"""An account loses an email that was not confirmed in time, and nothing else."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from identity.domain.principal import operator
from support.app import audit_events, services
from support.clock import ManualClock
from support.database import execute, rows
from support.http import basic
from support.mail import EMAIL, Mailbox, register

KITE = basic("kite", "newpwd")
COPY = (
    "INSERT INTO account (uuid, short_id, username, username_canonical, email, "
    "email_canonical, password_hash, version,"
    " created_at, updated_at) SELECT 'u{number}', 's{number}', 'b{number}', 'b{number}', "
    "'b@{number}', 'b@{number}',"
    " password_hash, version, created_at, updated_at FROM account WHERE username = 'kite'"
)
CONFIRM = "Confirm your email address"


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    return make_app(unconfirmed_days="7")


@pytest.fixture
def mailbox(app: Flask, client: FlaskClient) -> Mailbox:
    """A mailbox, and an account named kite that has it."""
    register(client, "kite")
    return Mailbox(app)


def prune(app: Flask) -> int:
    """Return how many emails were released."""
    return sum(
        step.rows for step in services(app).pruning.steps() if step.name == "unconfirmed emails"
    )


def email(app: Flask) -> str | None:
    ((found,),) = rows(app, "SELECT email FROM account WHERE username = 'kite'")
    return None if found is None else str(found)


@pytest.mark.usefixtures("mailbox")
def test_an_unconfirmed_email_is_given_up_after_so_many_days(
    app: Flask, client: FlaskClient, clock: ManualClock
) -> None:
    clock.advance(days=7, seconds=-1)
    assert (prune(app), email(app)) == (0, EMAIL)
    clock.advance(seconds=1)
    assert (prune(app), email(app)) == (1, None)
    assert prune(app) == 0
    assert client.get("/api/users/me", headers=KITE).json["email"] is None
    register(client, "owner")  # who has the mailbox
    told = [(event.kind, event.subject, event.actor) for event in audit_events(app, operator())]
    assert ("email.released", "kite", None) in told


def test_a_confirmed_email_stays(
    app: Flask, client: FlaskClient, mailbox: Mailbox, clock: ManualClock
) -> None:
    token = mailbox.token(CONFIRM)
    assert client.post("/api/activations", json={"token": token}).status_code == 200
    clock.advance(days=365)
    assert (prune(app), email(app)) == (0, EMAIL)


@pytest.mark.usefixtures("mailbox")
def test_an_account_that_was_activated_by_its_id_alone_has_confirmed_nothing(
    app: Flask, client: FlaskClient, clock: ManualClock
) -> None:
    uuid = client.get("/api/users/me", headers=KITE).json["uuid"]
    assert client.get(f"/continuous/users/{uuid}/activate").status_code == 200
    clock.advance(days=7)
    assert prune(app) == 1


def test_the_days_begin_when_the_email_is_given(
    app: Flask, client: FlaskClient, clock: ManualClock
) -> None:
    client.post("/api/users", json={"username": "kite", "password": "newpwd"})
    clock.advance(days=30)
    assert client.patch("/api/users/me", json={"email": EMAIL}, headers=KITE).status_code == 200
    assert prune(app) == 0
    clock.advance(days=7)
    assert prune(app) == 1


@pytest.mark.usefixtures("mailbox")
def test_an_account_from_before_counts_from_when_it_was_made(
    app: Flask, clock: ManualClock
) -> None:
    execute(app, "UPDATE account SET email_since = NULL")
    clock.advance(days=7)
    assert prune(app) == 1


@pytest.mark.usefixtures("mailbox")
def test_nothing_is_given_up_by_default(make_app: Callable[..., Flask], clock: ManualClock) -> None:
    clock.advance(days=3_000)
    assert prune(make_app()) == 0


def test_an_account_called_by_its_email_gets_another_name_and_stays(
    app: Flask, client: FlaskClient, clock: ManualClock
) -> None:
    user = {"email": EMAIL, "password": "newpwd", "password_confirm": "newpwd"}
    uuid = client.post("/continuous/users", json=user).json["id"]
    clock.advance(days=7)
    assert prune(app) == 1
    assert (
        client.post("/continuous/users", json=user).status_code == 201
    )  # by the owner of the mailbox
    (name, short_id), *_ = rows(
        app, "SELECT username, short_id FROM account WHERE uuid = :uuid", uuid=uuid
    )
    assert name == f"user-{short_id}"
    assert client.get("/api/resource", headers=basic(name, "newpwd")).status_code == 200


def test_a_token_that_was_mailed_before_confirms_nothing_any_more(
    app: Flask, client: FlaskClient, mailbox: Mailbox, clock: ManualClock
) -> None:
    clock.advance(days=7)
    token = mailbox.token(CONFIRM)  # sent late
    assert prune(app) == 1
    assert client.post("/api/activations", json={"token": token}).status_code == 400


def test_many_are_released_in_steps(app: Flask, client: FlaskClient, clock: ManualClock) -> None:
    register(client, "kite")
    for number in range(250):
        execute(app, COPY.format(number=number))
    clock.advance(days=7)
    steps = [
        step.rows for step in services(app).pruning.steps() if step.name == "unconfirmed emails"
    ]
    assert steps == [100, 100, 51]
