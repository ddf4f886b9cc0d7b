"""Wekan: Meteor's errors, with 200 for credentials under /api and real statuses
elsewhere."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from identity.store.models import Account
from support.accounts import populate
from support.app import services
from support.database import account_row, table_rows
from support.dialects import UNREADABLE, DialectClient, dialect_client_of
from support.http import basic
from support.wekan import FORBIDDEN, LOGIN_FAILED, UNAUTHORIZED, USER

MATCH_FAILED = {"error": 400, "reason": "Match failed"}


ADMIN_CALLS = [
    ("GET", "/api/users"),
    ("POST", "/api/users"),
    ("GET", "/api/users/XQMZgynx9M79qTtQc"),
    ("PUT", "/api/users/XQMZgynx9M79qTtQc"),
    ("PUT", "/api/user/XQMZgynx9M79qTtQc"),
    ("DELETE", "/api/users/XQMZgynx9M79qTtQc"),
]


OWN_CALLS = [
    ("GET", "/api/user"),
    ("GET", "/api/boards"),
    ("GET", "/api/users/XQMZgynx9M79qTtQc/boards"),
]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"password": "x"}, {"error": 400, "reason": "Need to set a username or email"}),
        (
            {"username": "", "email": "", "password": "x"},
            {"error": 400, "reason": "Need to set a username or email"},
        ),
        ({"username": "a"}, MATCH_FAILED),
        ({"username": "a", "password": 7}, MATCH_FAILED),
        ({"username": "a", "password": {"$ne": ""}}, MATCH_FAILED),
        ({"username": ["a"], "password": "x"}, MATCH_FAILED),
        ({"username": "a", "password": "x", "isAdmin": True}, MATCH_FAILED),
        ({"username": "a", "password": "x", "fromAdmin": "true"}, MATCH_FAILED),
        ({"username": "a:b", "password": "x"}, MATCH_FAILED),
        ({"username": "a" * 65, "password": "x"}, MATCH_FAILED),
        ({"username": "a  b", "password": "x"}, MATCH_FAILED),
        ({"username": "a", "password": "x", "email": "nobody"}, MATCH_FAILED),
        ({"username": "a", "password": ""}, MATCH_FAILED),
    ],
)
def test_what_cannot_be_registered_is_400_in_meteors_words(
    still: DialectClient, body: dict[str, Any], expected: dict[str, Any]
) -> None:
    answer = still.post("/users/register", body)
    assert (answer.status_code, answer.json) == (400, expected)
    assert len(table_rows(still.app, Account)) == 2


def test_json_sent_as_a_form_is_400(still: DialectClient) -> None:
    answer = still.post(
        "/users/register",
        data=json.dumps(USER).encode(),
        content_type="application/x-www-form-urlencoded",
    )
    assert (answer.status_code, answer.json.keys()) == (400, {"error", "reason"})


@pytest.mark.parametrize(
    "wrong",
    [
        {"username": "hawk", "password": "wrong"},
        {"username": "nobody", "password": "newpwd"},
        {"email": "nobody@email.com", "password": "newpwd"},
        {"email": "hawk", "password": "newpwd"},
        {"password": "newpwd"},
        {"username": "hawk", "password": ""},
        {"username": "hawk", "password": "x" * 3000},
    ],
)
def test_every_wrong_login_fails_alike(still: DialectClient, wrong: dict[str, str]) -> None:
    answer = still.post("/users/login", wrong)
    assert (answer.status_code, answer.json) == (401, LOGIN_FAILED)


def test_a_query_string_is_not_read_for_a_login(still: DialectClient) -> None:
    answer = still.post("/users/login?username=hawk&password=newpwd", {"password": "x"})
    assert (answer.status_code, answer.json.keys()) == (400, {"error", "reason"})


def test_too_many_wrong_logins_are_429(make_app: Callable[..., Flask]) -> None:
    app = make_app(lockout_failures="1")
    populate(app)
    with dialect_client_of(app, "/wekan") as say:
        say.post("/users/login", {"username": "hawk", "password": "wrong"})
        answer = say.post("/users/login", {"username": "hawk", "password": "newpwd"})
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "900")
    assert answer.json["error"] == "too-many-requests"


def test_a_full_queue_before_the_hash_is_503(make_app: Callable[..., Flask]) -> None:
    app = make_app(hash_queue="1")
    populate(app)
    with dialect_client_of(app, "/wekan") as say, services(app).authentication._passwords.admit():
        answer = say.post("/users/login", {"username": "hawk", "password": "newpwd"})
    assert (answer.status_code, answer.json.keys()) == (503, {"error", "reason"})
    assert int(answer.headers["Retry-After"]) >= 1


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"action": "disablelogin"},
        {"action": ["disableLogin"]},
        {"action": None},
        {"action": "drop"},
    ],
)
def test_an_unknown_action_is_refused_and_does_nothing(
    still: DialectClient, admin: str, body: dict[str, Any]
) -> None:
    before = account_row(still.app, "hawk")
    answer = still.put(f"/api/users/{before['short_id']}", body, token=admin)
    assert (answer.status_code, answer.json) == (400, MATCH_FAILED)
    assert account_row(still.app, "hawk") == before


@pytest.mark.parametrize("method", ["GET", "PUT"])
@pytest.mark.parametrize("user_id", ["XQMZgynx9M79qTtQc", "1", "x" * 500])
def test_an_unknown_user_is_an_empty_document(
    still: DialectClient, admin: str, method: str, user_id: str
) -> None:
    body = {"action": "disableLogin"} if method == "PUT" else None
    answer = still.ask(method, f"/api/users/{user_id}", body, token=admin)
    assert (answer.status_code, answer.json) == (200, {})


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_an_id_with_nul_is_400_on_either_database(
    still: DialectClient, admin: str, method: str
) -> None:
    answer = still.ask(method, "/api/users/hawk%00", {"action": "disableLogin"}, token=admin)
    assert (answer.status_code, answer.json.keys()) == (400, {"error", "reason"})


@pytest.mark.parametrize(("method", "path"), [*ADMIN_CALLS, *OWN_CALLS])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer a6DM_gOPRwBdynfXaGBaiiEwTiAuigR_Fj_81QmNpnf"},
        {"Authorization": "Bearer"},
        {"Authorization": "Digest x"},
        basic("hawk", "wrong"),
    ],
)
def test_without_a_live_token_the_answer_is_200_with_the_error_object(
    still: DialectClient, method: str, path: str, headers: dict[str, str]
) -> None:
    answer = still.ask(method, path, {"action": "disableLogin"}, headers=headers)
    assert (answer.status_code, answer.json) == (200, UNAUTHORIZED)


@pytest.mark.parametrize(("method", "path"), ADMIN_CALLS)
def test_others_are_forbidden_what_administrators_do(
    still: DialectClient, hawk: str, method: str, path: str
) -> None:
    body = USER if method == "POST" else {"action": "disableLogin"}
    answer = still.ask(method, path, body, token=hawk)
    assert (answer.status_code, answer.json) == (200, FORBIDDEN)
    assert len(table_rows(still.app, Account)) == 2


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/users/register"), ("POST", "/users/login"), ADMIN_CALLS[1]]
)
@pytest.mark.parametrize("case", UNREADABLE)
def test_a_body_that_cannot_be_read_is_refused_with_error_and_reason(
    still: DialectClient, admin: str, case: str, method: str, path: str
) -> None:
    request, status = UNREADABLE[case]
    answer = still.ask(method, path, token=admin, **request)
    assert (answer.status_code, answer.json.keys()) == (status, {"error", "reason"})


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "", 404),
        ("GET", "/nothing", 404),
        ("GET", "/api/nothing", 404),
        ("GET", "/users/login", 405),
        ("PATCH", "/api/users", 405),
        ("DELETE", "/api/user", 405),
    ],
)
def test_an_unknown_path_or_method_has_its_real_status(
    still: DialectClient, method: str, path: str, status: int
) -> None:
    answer = still.ask(method, path)
    assert (answer.status_code, answer.json.keys()) == (status, {"error", "reason"})
    assert ("Allow" in answer.headers) == (status == 405)
