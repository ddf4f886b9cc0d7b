"""NervesHub: the examples of its document, and real clients."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from identity.store.models import Account
from support.accounts import ADMIN, HAWK
from support.database import account_row, table_rows
from support.dialects import DialectClient
from support.http import basic
from support.nerveshub import FORBIDDEN, USER

SHOWN = {"username": "user1234", "email": "user@domain.com"}


# Clients since 2.1.0 match on `name` in `data`, older ones on `username`.
IN_DATA = {**SHOWN, "name": "user1234"}


BOTH = {**SHOWN, "data": IN_DATA}


LOGIN = {"email": "user@domain.com", "password": "correct horse"}


FAILED = {"errors": "authentication_failed"}


BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


@pytest.fixture(scope="module")
def personal(still: DialectClient) -> str:
    """A personal token of hawk."""
    token: str = still.post("/users/login", {"username": HAWK[0], "password": HAWK[1]}).json[
        "token"
    ]
    return token


@pytest.mark.parametrize("base", ["", "/api"])
@pytest.mark.parametrize(
    "body",
    [{"json": USER}, {"data": USER}, {"data": USER, "content_type": "multipart/form-data"}],
    ids=["json", "form", "multipart"],
)
def test_registering_shows_the_user_bare_and_in_data(
    say: DialectClient, base: str, body: dict[str, Any]
) -> None:
    answer = say.post(f"{base}/users/register", **body)
    assert (answer.status_code, answer.json, answer.content_type) == (200, BOTH, "application/json")
    row = account_row(say.app, "user1234")
    assert (row["email"], row["admin"], row["activated"]) == ("user@domain.com", False, False)


def test_unknown_fields_give_no_rights(say: DialectClient) -> None:
    extra = {
        "admin": True,
        "is_admin": True,
        "id": 1,
        "org_id": 3,
        "email_verified": True,
        "activated": "true",
    }
    assert say.post("/users/register", USER | extra).json == BOTH
    row = account_row(say.app, "user1234")
    assert (row["admin"], row["activated"], row["email_verified"]) == (False, False, False)


@pytest.mark.usefixtures("user")
@pytest.mark.parametrize(
    ("clash", "errors"),
    [
        ({"username": "other"}, "email already taken"),
        ({"username": "other", "email": "USER@DOMAIN.COM"}, "email already taken"),
        ({"email": "other@domain.com"}, "username already taken"),
        ({"email": "other@domain.com", "username": "User1234"}, "username already taken"),
    ],
)
def test_what_is_taken_is_unprocessable(
    say: DialectClient, clash: dict[str, str], errors: str
) -> None:
    answer = say.post("/users/register", USER | clash)
    assert (answer.status_code, answer.json) == (422, {"errors": errors})
    assert len(table_rows(say.app, Account)) == 3


@pytest.mark.usefixtures("user")
@pytest.mark.parametrize(
    "named",
    [
        {"email": "user@domain.com"},
        {"email": "USER@domain.com"},
        {"email": "user1234"},
        {"username": "user1234"},
        {"username": "user@domain.com"},
    ],
)
def test_either_key_may_hold_either_name(say: DialectClient, named: dict[str, str]) -> None:
    for path in ("/users/auth", "/api/users/auth"):
        answer = say.post(path, named | {"password": USER["password"]})
        assert (answer.status_code, answer.json) == (200, BOTH)


@pytest.mark.parametrize("path", ["/users/auth", "/users/login", "/users/sign", "/api/users/auth"])
@pytest.mark.parametrize(
    "wrong",
    [
        {"email": "hawk", "password": "wrong"},
        {"email": "nobody@domain.com", "password": "newpwd"},
        {"email": "", "password": "newpwd"},
        {"password": "newpwd"},
        {"email": "hawk", "password": ""},
        {"email": "hawk", "password": "x" * 2000},
    ],
)
def test_wrong_credentials_are_the_documented_500(
    still: DialectClient, path: str, wrong: dict[str, str]
) -> None:
    more = {"csr": "not even a request", "description": "laptop"} if path.endswith("sign") else {}
    answer = still.post(path, wrong | more)
    assert (answer.status_code, answer.json) == (500, FAILED)


def test_a_disabled_user_fails_like_an_unknown_one(
    say: DialectClient, user: dict[str, Any]
) -> None:
    token = say.post("/users/login", LOGIN).json["token"]
    say.client.post(f"/api/admin/users/{user['id']}/disable", headers=basic(*ADMIN))
    for path in ("/users/auth", "/users/login"):
        answer = say.post(path, LOGIN)
        assert (answer.status_code, answer.json) == (500, FAILED)
    answer = say.get("/users/me", token=token)
    assert (answer.status_code, answer.json) == (403, FORBIDDEN)


@pytest.mark.usefixtures("user")
@pytest.mark.parametrize(
    "body", [LOGIN | {"note": "laptop"}, {"email": "user1234", "password": USER["password"]}]
)
def test_a_login_gives_a_personal_token_with_its_checksum(
    say: DialectClient, body: dict[str, str]
) -> None:
    answer = say.post("/users/login", body)
    token = answer.json["token"]
    assert (answer.status_code, answer.json) == (
        200,
        {**SHOWN, "token": token, "data": {**IN_DATA, "token": token}},
    )
    assert re.fullmatch(r"nhu_[0-9A-Za-z]{36}", token)
    assert base62(zlib.crc32(token[4:34].encode())) == token[34:]


def base62(number: int) -> str:
    digits = [BASE62[number // 62**place % 62] for place in range(6)]
    return "".join(reversed(digits))


@pytest.mark.parametrize("path", ["/users/me", "/api/users/me"])
@pytest.mark.parametrize("scheme", ["token", "Token", "Bearer", "bearer"])
def test_a_personal_token_shows_its_owner(
    still: DialectClient, personal: str, path: str, scheme: str
) -> None:
    answer = still.get(path, headers={"Authorization": f"{scheme} {personal}"})
    shown = {"username": "hawk", "email": None}
    assert (answer.status_code, answer.json) == (200, {**shown, "data": {**shown, "name": "hawk"}})


def test_a_personal_token_counts_as_a_basic_username(still: DialectClient, personal: str) -> None:
    assert still.get("/users/me", headers=basic(personal)).json["username"] == "hawk"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda token: token[:-1] + ("0" if token[-1] != "0" else "1"),
        lambda token: token[:10] + ("a" if token[10] != "a" else "b") + token[11:],
        lambda token: token[:-1],
        lambda token: token + "0",
        lambda token: token + "=",
        lambda token: token.swapcase(),
        lambda token: token.removeprefix("nhu_"),
        lambda _token: "nhu_" + "0" * 30 + base62(zlib.crc32(b"0" * 30)),
        lambda _token: "nhu_",
        lambda _token: "",
    ],
)
def test_any_other_token_is_forbidden(
    still: DialectClient, personal: str, spoil: Callable[[str], str]
) -> None:
    for header in (f"token {spoil(personal)}", f"Bearer {spoil(personal)}"):
        answer = still.get("/users/me", headers={"Authorization": header})
        assert (answer.status_code, answer.json) == (403, FORBIDDEN)
    assert still.get("/users/me", token=personal).status_code == 200
