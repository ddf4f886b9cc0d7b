"""A username never passes for the email of another user, in any call that names an account."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from identity.domain.principal import operator
from identity.services.accounts.registration import NewAccount
from support.app import services
from support.database import execute, rows
from support.enumeration.probes import HARDENED, LONG_PASSWORD, REGISTRATIONS, Prober
from support.http import basic
from support.mail import Mailbox

BOSS = "boss@corp.example"
ADMIN = ("admin", LONG_PASSWORD)
KITE = "kite@example.org"
Call = Callable[[Flask, str], TestResponse]


def _registering(dialect: str) -> Call:
    path, fields = REGISTRATIONS[dialect]

    def call(app: Flask, name: str) -> TestResponse:
        body = {key: name for key, value in fields.items() if "{new}" in value}
        return app.test_client().post(
            path, json=body | {"password": LONG_PASSWORD, "email": "other@example.org"}
        )

    return call


def _as(caller: str, method: str, path: str, **body: Any) -> Call:
    def call(app: Flask, wanted: str) -> TestResponse:
        given = {key: value.format(wanted=wanted) for key, value in body.items()}
        return app.test_client().open(
            path, method=method, json=given, headers=basic(caller, LONG_PASSWORD)
        )

    return call


NAMED = [dialect for dialect, (_, fields) in REGISTRATIONS.items() if "{new}" in str(fields)]
NAMING: dict[str, Call] = {
    **{dialect: _registering(dialect) for dialect in NAMED},
    "native, without an email": lambda app, name: app.test_client().post(
        "/api/users", json={"username": name, "password": LONG_PASSWORD}
    ),
    "native, by an administrator": _as(
        "admin", "POST", "/api/admin/users", username="{wanted}", password=LONG_PASSWORD
    ),
    "native, one's own": _as("kite", "PATCH", "/api/users/me", username="{wanted}"),
    "azuma, one's own": _as("kite", "PATCH", "/azuma/user/update", name="{wanted}"),
    "native, of another account": _as("admin", "PATCH", "/api/admin/users/3", username="{wanted}"),
}


@pytest.fixture(params=[{}, HARDENED], ids=["faithful", "hardened"])
def app(request: pytest.FixtureRequest, make_app: Callable[..., Flask]) -> Flask:
    """A service with an administrator, a boss who has an email, and kite, whose email is
    confirmed."""
    app = make_app(**request.param)
    Prober(app)  # which hashes cheaply
    create = services(app).accounts.create
    create(operator(), NewAccount(*ADMIN), admin=True)
    create(operator(), NewAccount("boss", LONG_PASSWORD, BOSS), admin=False)
    create(operator(), NewAccount("kite", LONG_PASSWORD, KITE), admin=False)
    execute(
        app, "UPDATE account SET email_verified = true, activated = true WHERE username = 'kite'"
    )
    return app


def names(app: Flask) -> set[str]:
    return {name for (name,) in rows(app, "SELECT username FROM account")}


@pytest.mark.parametrize(
    "wanted", [BOSS, "BOSS@Corp.example", "nobody@corp.example", "boss@localhost", "a@"]
)
@pytest.mark.parametrize("naming", NAMING)
def test_a_username_with_an_at_sign_is_not_another_email(
    app: Flask, naming: str, wanted: str
) -> None:
    before = names(app)
    answer = NAMING[naming](app, wanted)
    assert answer.status_code in {400, 422}, answer.text
    assert names(app) == before


@pytest.mark.parametrize(
    "naming", ["native, one's own", "azuma, one's own", "native, of another account"]
)
def test_own_confirmed_email_may_be_the_username(app: Flask, naming: str) -> None:
    answer = NAMING[naming](app, KITE)
    assert answer.status_code == 200, answer.text
    assert KITE in names(app)


def test_a_registration_with_its_own_email_as_the_name_is_accepted_where_that_discloses_nothing(
    app: Flask,
) -> None:
    hardened = services(app).exposure.hardened
    for wanted in ("new@example.org", BOSS):
        body = {"username": wanted, "password": LONG_PASSWORD, "email": wanted}
        answer = app.test_client().post("/api/users", json=body)
        assert answer.status_code == (201 if wanted != BOSS and not hardened else 400), answer.text
    assert BOSS not in names(app)


@pytest.mark.parametrize("dialect", ["continuous", "wekan"])
def test_an_account_without_a_name_is_never_called_by_another_email(
    app: Flask, dialect: str
) -> None:
    path = REGISTRATIONS[dialect][0]
    body = {"password": LONG_PASSWORD, "email": BOSS} | (
        {"password_confirm": LONG_PASSWORD} if dialect == "continuous" else {}
    )
    app.test_client().post(path, json=body)
    assert BOSS not in names(app)


def test_an_unconfirmed_email_is_no_username_where_it_may_be_another_accounts(app: Flask) -> None:
    execute(app, "UPDATE account SET email_verified = false WHERE username = 'kite'")
    answer = NAMING["native, one's own"](app, KITE)
    assert answer.status_code == (400 if services(app).exposure.hardened else 200)


def test_an_account_that_has_such_a_name_already_goes_on(app: Flask) -> None:
    execute(
        app,
        "UPDATE account SET username = :name, username_canonical = :name WHERE id = 3",
        name="old@corp.example",
    )
    client = app.test_client()
    answer = client.patch(
        "/api/users/me",
        json={"full_name": "Kite"},
        headers=basic("old@corp.example", LONG_PASSWORD),
    )
    assert answer.status_code == 200, answer.text
    found = services(app).misleading_names.find(at_most=20)
    assert found == (("old@corp.example",), 1)
    assert services(app).misleading_names.find(at_most=0) == ((), 1)


def test_no_mail_goes_to_an_email_that_is_only_a_name(app: Flask) -> None:
    mailbox = Mailbox(app)
    mailbox.collect()
    for naming in NAMING.values():
        naming(app, BOSS)
    assert BOSS not in [mail.recipient for mail in mailbox.collect()]


@pytest.mark.parametrize("wanted", ["0", "me", "ME", "null", "root", "System", "anonymous"])
@pytest.mark.parametrize("naming", NAMING)
def test_a_reserved_username_is_refused(app: Flask, naming: str, wanted: str) -> None:
    before = names(app)
    answer = NAMING[naming](app, wanted)
    assert answer.status_code in {400, 422}, answer.text
    assert names(app) == before


def test_an_operator_may_give_a_reserved_username(app: Flask) -> None:
    services(app).accounts.create(operator(), NewAccount("root", LONG_PASSWORD), admin=True)
    assert (
        app.test_client().get("/api/users/me", headers=basic("root", LONG_PASSWORD)).status_code
        == 200
    )


def test_the_reserved_usernames_are_a_setting(make_app: Callable[..., Flask]) -> None:
    client = make_app(reserved_usernames="Falcon").test_client()
    statuses = [
        client.post("/api/users", json={"username": name, "password": LONG_PASSWORD}).status_code
        for name in ("root", "falcon", "FALCON")
    ]
    assert statuses == [201, 400, 400]
