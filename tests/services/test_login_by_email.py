"""An email as the Basic username is accepted once it is confirmed, and counted for its account."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from identity.domain.principal import operator
from identity.services.accounts.registration import NewAccount
from support.accounts import populate
from support.app import services
from support.database import execute, rows
from support.http import basic

MARY = "mary@example.org"
FAILURES = 4


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    app = make_app(lockout_failures=str(FAILURES))
    populate(app)
    services(app).accounts.create(operator(), NewAccount("mary", "marypwd", MARY), admin=False)
    confirm(app)
    return app


def confirm(app: Flask, *, confirmed: bool = True) -> None:
    execute(
        app,
        "UPDATE account SET email_verified = :confirmed WHERE username = 'mary'",
        confirmed=confirmed,
    )


def status(
    client: FlaskClient, name: str, password: str = "marypwd", path: str = "/api/resource"
) -> int:
    return client.get(path, headers=basic(name, password)).status_code


@pytest.mark.parametrize("email", [MARY, "Mary@Example.ORG", "MARY@example.org"])
@pytest.mark.parametrize("path", ["/api/resource", "/api/token", "/api/users/me", "/api/verify"])
def test_a_confirmed_email_is_a_username(client: FlaskClient, email: str, path: str) -> None:
    assert status(client, email, path=path) in {200, 204}
    assert status(client, email, "wrong", path=path) == 401


def test_an_email_of_another_script_is_known_by_each_spelling(
    app: Flask, client: FlaskClient
) -> None:
    email = "jo@b\u00fccher.example"
    services(app).accounts.create(operator(), NewAccount("jo", "jopassword", email), admin=False)
    execute(app, "UPDATE account SET email_verified = true WHERE username = 'jo'")
    assert status(client, email, "jopassword") == 200
    assert status(client, "jo@xn--bcher-kva.example", "jopassword") == 200


def test_an_unconfirmed_email_is_no_username(app: Flask, client: FlaskClient) -> None:
    confirm(app, confirmed=False)
    assert status(client, MARY) == 401
    event = rows(
        app, "SELECT subject_id FROM audit_event WHERE outcome = 'refused' ORDER BY id DESC LIMIT 1"
    )
    assert event == [(None,)]


@pytest.mark.parametrize("confirmed", [True, False])
def test_an_email_that_is_a_username_is_that_accounts(
    app: Flask, client: FlaskClient, *, confirmed: bool
) -> None:
    execute(
        app,
        "UPDATE account SET username = :name, username_canonical = :name WHERE username = 'hawk'",
        name=MARY,
    )
    confirm(app, confirmed=confirmed)
    assert client.get("/api/users/me", headers=basic(MARY, "newpwd")).json["id"] == 2
    assert status(client, MARY) == 401


def test_an_accounts_own_email_may_be_its_username_unconfirmed(
    app: Flask, client: FlaskClient
) -> None:
    services(app).accounts.create(
        operator(), NewAccount("jo@example.org", "jopassword", "jo@example.org"), admin=False
    )
    assert status(client, "Jo@example.org", "jopassword") == 200


@pytest.mark.parametrize(("first", "then"), [("mary", MARY), (MARY, "MARY"), (MARY, MARY.title())])
def test_an_account_has_one_count_whichever_name_it_is_called_by(
    client: FlaskClient, first: str, then: str
) -> None:
    assert [status(client, first, "wrong") for _ in range(FAILURES + 1)] == [401] * FAILURES + [429]
    assert status(client, then) == 429


@pytest.mark.parametrize("name", ["nobody@b\u00fccher.example", "Nobody@b\u00fccher.example"])
def test_an_email_that_no_account_has_is_counted_alike_in_each_spelling(
    client: FlaskClient, name: str
) -> None:
    assert [status(client, name, "wrong") for _ in range(FAILURES + 1)] == [401] * FAILURES + [429]
    assert status(client, "nobody@xn--bcher-kva.example") == 429


def test_a_count_of_an_email_is_lifted_with_its_account(app: Flask, client: FlaskClient) -> None:
    for name in (MARY, "nobody@b\u00fccher.example"):
        assert [status(client, name, "wrong") for _ in range(FAILURES + 1)][-1] == 429
        services(app).locks.lift(operator(), name)
        assert status(client, name, "wrong") == 401


def test_a_success_by_email_ends_the_count_of_the_account(client: FlaskClient) -> None:
    for name in ("mary", MARY) * 4:
        assert [status(client, "mary", "wrong") for _ in range(FAILURES - 1)] == [401] * (
            FAILURES - 1
        )
        assert status(client, name) == 200
