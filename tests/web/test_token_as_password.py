"""A token as the Basic password is checked as that token: never hashed, never counted."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import pytest
from flask import Flask
from flask.testing import FlaskClient
from web.test_authorization_header import LOOKING_LIKE_TOKENS

from identity.domain.principal import Principal, operator
from identity.domain.token_kinds import TokenKind
from identity.services.accounts.registration import NewAccount
from support.accounts import ADMIN, HAWK
from support.app import principal, services
from support.database import execute, statements
from support.hashing import count_hashes
from support.http import basic, token_of
from support.native_api import row_counts
from support.waiting import wait_until

HELLO = {"data": "Hello, hawk!"}
FINE = [
    "oauth2",
    "x-access-token",
    "x-token-auth",
    "__token__",
    "_",
    "git",
    "hawk",
    "HAWK",
    "",
    " ",
    "\u00e9",
    "x" * 9000,
]
PATHS = [
    "/api/resource",
    "/api/verify",
    "/api/token",
    "/api/users/me",
    "/wekan/api/user",
    "/nerveshub/users/me",
]
FALCON = ("falcon", "falconpwd", "falcon@example.org")


def make(app: Flask, caller: Principal, kind: TokenKind) -> str:
    use = services(app)
    return (
        use.tokens.issue(caller).token
        if kind is TokenKind.ACCESS
        else use.logins.open(caller, kind).token
    )


@pytest.mark.parametrize("kind", list(TokenKind))
def test_a_valid_token_of_any_kind_authenticates_as_the_password(
    app: Flask, client: FlaskClient, kind: TokenKind
) -> None:
    token = make(app, principal(app, *HAWK), kind)
    for name in FINE:
        assert client.get("/api/resource", headers=basic(name, token)).json == HELLO, name
    for path in PATHS:
        assert client.get(path, headers=basic("oauth2", token)).status_code in {200, 204}, path


def revoked(app: Flask, kind: TokenKind) -> str:
    token = make(app, principal(app, *HAWK), kind)
    services(app).administration.revoke_sessions(operator(), 2)
    return token


@pytest.mark.parametrize("kind", list(TokenKind))
def test_a_bad_token_is_never_hashed_and_never_counted(
    app: Flask, client: FlaskClient, kind: TokenKind
) -> None:
    token = revoked(app, kind)
    hashes, before = count_hashes(app), row_counts(app)
    for name in ("hawk", "admin", "nobody", "oauth2", "") * 60:
        assert client.get("/api/resource", headers=basic(name, token)).status_code == 401
    assert (hashes.checked, hashes.hashed, row_counts(app)) == ([], 0, before)
    assert client.get("/api/resource", headers=basic(*HAWK)).json == HELLO


def test_text_in_a_tokens_format_is_never_tried_as_a_password(
    app: Flask, client: FlaskClient
) -> None:
    hashes, before = count_hashes(app), row_counts(app)
    for form, text in LOOKING_LIKE_TOKENS.items():
        for path in PATHS:
            client.get(path, headers=basic("hawk", text))
        assert (hashes.checked, row_counts(app)) == ([], before), form


@pytest.fixture
def token(app: Flask, client: FlaskClient) -> str:
    services(app).accounts.create(operator(), NewAccount(*FALCON), admin=False)
    services(app).accounts.create(operator(), NewAccount("gone", "gonepwd"), admin=False)
    execute(app, "UPDATE account SET email_verified = true WHERE username = 'falcon'")
    execute(app, "UPDATE account SET disabled = true WHERE username = 'gone'")
    return token_of(client, *HAWK)


@pytest.mark.parametrize(
    "name", ["admin", "ADMIN", "\uff21dmin", "falcon", "falcon@example.org", "gone"]
)
def test_the_name_of_another_account_is_refused_like_a_bad_token(
    client: FlaskClient, token: str, name: str
) -> None:
    for path in ("/api/resource", "/api/verify", "/api/token", "/api/users/me"):
        refused, usual = (client.get(path, headers=headers) for headers in (basic(name, token), {}))
        assert (refused.status_code, refused.data) == (401, usual.data)
        assert seen(refused.headers) == seen(usual.headers)
    assert client.get("/api/resource", headers=basic("oauth2", token)).json == HELLO


def seen(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name != "X-Request-ID"}


def test_a_token_is_still_its_owners_beside_the_name_of_a_deleted_account(
    app: Flask, client: FlaskClient, token: str
) -> None:
    services(app).administration.delete(operator(), 3)
    assert client.get("/api/resource", headers=basic("falcon", token)).json == HELLO


def test_a_token_may_stand_beside_its_users_own_email(
    app: Flask, client: FlaskClient, token: str
) -> None:
    mine = token_of(client, *FALCON[:2])
    assert client.get("/api/resource", headers=basic("Falcon@example.org", mine)).json == {
        "data": "Hello, falcon!"
    }
    execute(app, "UPDATE account SET email_verified = false WHERE username = 'falcon'")
    assert (
        client.get("/api/resource", headers=basic("falcon@example.org", token)).json == HELLO
    )  # not a name yet


def test_a_bad_token_asks_the_same_of_the_database_beside_any_name(
    app: Flask, client: FlaskClient, token: str
) -> None:
    services(app).tokens.revoke_all(principal(app, *HAWK))
    client.get("/api/resource", headers=basic("admin", token))
    asked = []
    for name in ("hawk", "admin", "falcon@example.org", "nobody", "nobody@example.org", "oauth2"):
        with statements(app) as said:
            client.get("/api/resource", headers=basic(name, token))
        asked.append(said)
    assert asked == [asked[0]] * len(asked)


def test_a_valid_token_costs_the_same_statements_beside_any_other_name(
    app: Flask, client: FlaskClient, token: str
) -> None:
    for _ in range(2):  # the first use is noted
        client.post("/api/token", headers=basic("hawk", token))
    asked = []
    for name in ("admin", "falcon", "gone", "nobody", "oauth2"):
        with statements(app) as said:
            client.post(
                "/api/token", headers=basic(name, token)
            )  # a POST is asked once, whatever comes of it
        asked.append(said)
    assert asked == [asked[0]] * len(asked)
    assert asked[0] != []


def test_a_username_that_no_account_has_is_looked_up_once_a_second(
    app: Flask, client: FlaskClient, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    wait_until(services(app).journal.is_current)
    for _ in range(2):  # the first use is noted
        client.get("/api/resource", headers=basic("kite", token))
    with statements(app) as seen:
        for _ in range(20):
            assert client.get("/api/resource", headers=basic("kite", token)).status_code == 200
    assert seen == []
    services(app).accounts.create(operator(), NewAccount("kite", "kitepwd"), admin=False)
    now[0] += 1.0
    assert [
        client.get("/api/resource", headers=basic("kite", token)).status_code for _ in range(2)
    ] == [401, 401]


def test_the_username_comes_first_where_both_are_tokens(
    app: Flask, client: FlaskClient, token: str
) -> None:
    other = token_of(client, *ADMIN)
    assert client.get("/api/resource", headers=basic(token, other)).json == HELLO
    services(app).tokens.revoke_all(principal(app, *HAWK))
    assert client.get("/api/resource", headers=basic(token, other)).status_code == 401


@pytest.mark.parametrize("name", ["", ":"])
def test_a_password_without_a_username_is_still_no_credential(
    app: Flask, client: FlaskClient, name: str
) -> None:
    hashes = count_hashes(app)
    assert client.get("/api/resource", headers=basic("", f"{name}newpwd")).status_code == 401
    assert hashes.checked == []


CHOOSING: dict[str, Callable[[FlaskClient, str], int]] = {
    "registration": lambda client, text: (
        client.post("/api/users", json={"username": "kite", "password": text}).status_code
    ),
    "an administrator": lambda client, text: (
        client.post(
            "/api/admin/users", json={"username": "kite", "password": text}, headers=basic(*ADMIN)
        ).status_code
    ),
    "a change": lambda client, text: (
        client.patch(
            "/api/users/me",
            json={"password": text, "current_password": HAWK[1]},
            headers=basic(*HAWK),
        ).status_code
    ),
    "nerveshub": lambda client, text: (
        client.post(
            "/nerveshub/users/register",
            json={"username": "kite", "email": "kite@example.org", "password": text},
        ).status_code
    ),
    "wekan": lambda client, text: (
        client.post(
            "/wekan/users/register", json={"username": "kite", "password": text}
        ).status_code
    ),
    "azuma": lambda client, text: (
        client.post(
            "/azuma/users", json={"name": "kite", "email": "kite@example.org", "password": text}
        ).status_code
    ),
}


@pytest.mark.parametrize("way", CHOOSING)
def test_no_password_in_the_form_of_a_token_can_be_chosen(client: FlaskClient, way: str) -> None:
    for text in ("w" * 43, "123e4567-e89b-42d3-a456-426614174000", "nhu_x"):
        assert 400 <= CHOOSING[way](client, text) < 500
    assert CHOOSING[way](client, "a fine password") < 300
