"""What no dialect does in either mode, whatever its document shows. The client searches every
answer for hashes."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask

from identity.domain.principal import operator
from identity.services.accounts.registration import NewAccount
from identity.settings import Settings
from identity.store.models import Account, LoginSession, OutboxMail
from support.accounts import ADMIN
from support.app import services
from support.clock import ManualClock
from support.database import account_row, table_rows
from support.dialects import UUID, dialect_client_of
from support.http import basic, bearer
from support.mail import RESET, Mailbox
from support.modes import EMAIL, KIM, LONG_PASSWORD, REGISTRATIONS, SETTINGS, Installation


@pytest.fixture(params=SETTINGS)
def empty(request: pytest.FixtureRequest, make_app: Callable[..., Flask]) -> Iterator[Installation]:
    """An installation without accounts."""
    app = make_app(**SETTINGS[request.param])
    with dialect_client_of(app, "") as say:
        yield Installation(app, request.param == "hardened", say, Mailbox(app))


@pytest.fixture
def installation(empty: Installation) -> Installation:
    services(empty.app).accounts.create(operator(), NewAccount("admin", LONG_PASSWORD), admin=True)
    empty.uuid = empty.asks("/continuous/users", "POST", KIM).json["id"]
    return empty


def test_the_documented_field_of_secrets_is_empty(installation: Installation) -> None:
    short_id = account_row(installation.app, EMAIL)["short_id"]
    shown = installation.asks(f"/wekan/api/users/{short_id}", **basic("admin", LONG_PASSWORD)).json
    assert (shown["services"], shown["sessionData"]) == ({}, {})


def test_an_account_is_changed_by_its_owner_or_an_administrator_alone(
    installation: Installation,
) -> None:
    installation.asks("/continuous/users", "POST", KIM | {"email": "other@example.org"})
    path, change = f"/continuous/users/{installation.uuid}", {"email": "evil@example.org"}
    assert installation.asks(path, "PUT", change).status_code == 401
    assert (
        installation.asks(
            path, "PUT", change, **basic("other@example.org", LONG_PASSWORD)
        ).status_code
        == 404
    )
    assert account_row(installation.app, EMAIL)["email"] == EMAIL
    assert (
        installation.asks(
            path, "PUT", {"email": "new@example.org"}, **basic("admin", LONG_PASSWORD)
        ).status_code
        == 204
    )


def test_a_disabled_login_leaves_no_way_in(installation: Installation) -> None:
    credentials = [
        installation.asks("/api/token", **basic(EMAIL, LONG_PASSWORD)).json["token"],
        installation.asks(
            "/nerveshub/users/login", "POST", {"email": EMAIL, "password": LONG_PASSWORD}
        ).json["token"],
        installation.asks(
            "/wekan/users/login", "POST", {"email": EMAIL, "password": LONG_PASSWORD}
        ).json["token"],
        installation.asks(
            "/continuous/sessions", "POST", {"email": EMAIL, "password": LONG_PASSWORD}
        ).json["token"],
        installation.asks(
            "/azuma/user/login", "POST", {"name": EMAIL, "password": LONG_PASSWORD}
        ).json["token"],
    ]
    installation.asks("/continuous/passwords/reset", "POST", {"email": EMAIL})
    reset = installation.mailbox.token(RESET)
    short_id = account_row(installation.app, EMAIL)["short_id"]
    done = installation.asks(
        f"/wekan/api/users/{short_id}",
        "PUT",
        {"action": "disableLogin"},
        **basic("admin", LONG_PASSWORD),
    )
    assert done.json["loginDisabled"] is True
    new = {
        "email": EMAIL,
        "password": "another passphrase",
        "password_confirm": "another passphrase",
        "token": reset,
    }
    assert installation.asks("/continuous/passwords", "POST", new).status_code in {204, 404}
    for credential in (
        *map(bearer, credentials),
        basic(EMAIL, LONG_PASSWORD),
        basic(EMAIL, "another passphrase"),
    ):
        assert installation.asks("/api/resource", **credential).status_code == 401
        assert installation.asks("/nerveshub/users/me", **credential).status_code == 403
        assert installation.asks("/wekan/api/user", **credential).json["error"] == "Unauthorized"
        assert (
            installation.asks(
                f"/continuous/users/{installation.uuid}", "PUT", {}, **credential
            ).status_code
            == 401
        )
        assert installation.asks("/azuma/user/update", "PATCH", {}, **credential).status_code == 401


RIGHTS: dict[str, Any] = {
    "admin": True,
    "isAdmin": True,
    "is_admin": True,
    "fromAdmin": "true",
    "activated": True,
    "email_verified": True,
    "id": 999,
    "uuid": "ee8e77d9-290e-4bb9-84a1-c2b7efb338df",
    "_id": "XQMZgynx9M79qTtQc",
    "version": 9,
    "password_hash": "x",
    "created_at": "2000-01-01T00:00:00Z",
}


def test_no_body_gives_rights(installation: Installation) -> None:
    before = {row["id"] for row in table_rows(installation.app, Account)}
    # Where unknown fields are refused, each must be; where they are ignored, all are at once.
    asked = [RIGHTS, *({name: right} for name, right in RIGHTS.items())]
    strict = {"/api/users", "/wekan/users/register"}
    for (path, body), rights in itertools.product(REGISTRATIONS.values(), asked):
        if rights is not RIGHTS and path not in strict:
            continue
        assert installation.asks(path, "POST", body(LONG_PASSWORD) | rights).status_code in (
            {400} if path in strict else {200, 201}
        )
        for row in (
            row for row in table_rows(installation.app, Account) if row["id"] not in before
        ):
            had = (row["admin"], row["activated"], row["email_verified"], row["version"])
            assert had == (False, False, False, 1), path
            assert (row["uuid"], row["short_id"]) != (RIGHTS["uuid"], RIGHTS["_id"]), path
            assert UUID.fullmatch(row["uuid"]), path
            services(installation.app).administration.delete(operator(), row["id"])


def test_no_credential_is_shipped(empty: Installation) -> None:
    settings = Settings.load({})
    assert (settings.admin_password, settings.secret_keys) == ("", ())
    assert table_rows(empty.app, Account) == []
    for username, password in (ADMIN, ("admin", "admin"), ("admin", "password"), ("root", "root")):
        assert empty.asks("/api/token", **basic(username, password)).status_code == 401


def test_no_forwarded_header_and_no_host_reaches_a_mail(installation: Installation) -> None:
    evil = {
        "Host": "evil.example",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "https",
        "Forwarded": "host=evil.example;proto=https",
        "X-Original-URL": "https://evil.example/",
    }
    assert (
        installation.asks(
            "/continuous/passwords/reset", "POST", {"email": EMAIL}, **evil
        ).status_code
        == 204
    )
    (mail,) = [mail for mail in installation.mailbox.fetch() if mail.subject == RESET]
    assert (
        f"{SETTINGS['hardened' if installation.hardened else 'faithful']['public_url']}/reset?token="
        in mail.text
    )
    assert "evil" not in mail.text + mail.html
    assert len(table_rows(installation.app, OutboxMail)) == 2


def test_renewed_tokens_end_with_their_session(
    empty: Installation, make_app: Callable[..., Flask], clock: ManualClock
) -> None:
    mode = "hardened" if empty.hardened else "faithful"
    client = make_app(**SETTINGS[mode], session_seconds="1500").test_client()
    services(empty.app).accounts.create(operator(), NewAccount("lee", LONG_PASSWORD), admin=False)
    token = client.get("/api/token", headers=basic("lee", LONG_PASSWORD)).json["token"]
    lives = []
    for _ in range(3):
        clock.advance(seconds=480)
        answer = client.get("/api/token", headers=basic(token))
        token = answer.json["token"]
        lives.append(answer.json["duration"])
    assert lives == [600, 540, 60]
    clock.advance(seconds=60)
    assert client.get("/api/token", headers=basic(token)).status_code == 401
    assert len(table_rows(empty.app, LoginSession)) == 1
