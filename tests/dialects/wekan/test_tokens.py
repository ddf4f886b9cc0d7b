"""Wekan's calls about tokens: log out, make one for a user, end those of a user."""

from __future__ import annotations

import re

import pytest

from identity.store.models import AuditEvent
from support.accounts import ADMIN, HAWK
from support.clock import ManualClock
from support.database import account_row, table_rows
from support.dialects import DialectClient
from support.http import basic

UNAUTHORIZED = {
    "error": "unauthorized",
    "reason": "You must be logged in to log out. Send your token as an Authorization: Bearer header.",
}
OPAQUE = re.compile(r"[A-Za-z0-9_-]{43}")


def login(say: DialectClient, who: tuple[str, str]) -> str:
    answer = say.post("/users/login", {"username": who[0], "password": who[1]})
    assert answer.status_code == 200, answer.text
    token: str = answer.json["token"]
    return token


def lives(say: DialectClient, token: str) -> bool:
    return "username" in (say.get("/api/user", token=token).json or ())


@pytest.mark.parametrize(
    "body",
    [{}, {"json": {}}, {"json": {"all": False}}, {"data": {"all": "no"}}, {"json": {"all": None}}],
)
def test_logging_out_ends_this_token_alone(say: DialectClient, body: dict[str, object]) -> None:
    first, second = login(say, HAWK), login(say, HAWK)
    answer = say.post("/users/logout", token=first, **body)
    assert (answer.status_code, answer.json) == (200, {"message": "You've been logged out!"})
    assert (lives(say, first), lives(say, second)) == (False, True)
    again = say.post("/users/logout", token=first)
    assert (again.status_code, again.json) == (401, UNAUTHORIZED)


@pytest.mark.parametrize(
    "body",
    [
        {"json": {"all": True}},
        {"json": {"all": 1}},
        {"json": {"all": "Yes"}},
        {"data": {"all": "true"}},
    ],
)
def test_logging_out_everywhere_ends_all_own_sessions(
    say: DialectClient, body: dict[str, object]
) -> None:
    first, second, other = login(say, HAWK), login(say, HAWK), login(say, ADMIN)
    answer = say.post("/users/logout", token=first, **body)
    assert (answer.status_code, answer.json) == (
        200,
        {"message": "All login tokens have been invalidated."},
    )
    assert [lives(say, token) for token in (first, second, other)] == [False, False, True]


def test_logging_out_needs_a_token(say: DialectClient) -> None:
    for headers in ({}, {"Authorization": "Bearer nothing"}, basic("hawk", "wrong")):
        answer = say.post("/users/logout", headers=headers)
        assert (answer.status_code, answer.json) == (401, UNAUTHORIZED)
    answer = say.post("/users/logout", headers=basic(*HAWK))
    assert (answer.status_code, answer.json["reason"]) == (
        401,
        "No login token found on the request.",
    )
    by_query = login(say, HAWK)
    assert say.post(f"/users/logout?access_token={by_query}").status_code == 200
    assert not lives(say, by_query)


def test_an_administrator_makes_a_token_for_a_user(say: DialectClient) -> None:
    hawk, boss = account_row(say.app, "hawk"), login(say, ADMIN)
    answer = say.post(f"/api/createtoken/{hawk['short_id']}", token=boss)
    assert (answer.status_code, answer.json.keys()) == (200, {"_id", "authToken"})
    assert answer.json["_id"] == hawk["short_id"]
    token = answer.json["authToken"]
    assert OPAQUE.fullmatch(token)
    assert say.get("/api/user", token=token).json["username"] == "hawk"
    opened = table_rows(say.app, AuditEvent)[-1]
    assert (opened["kind"], opened["actor"], opened["subject"]) == (
        "session.opened",
        "admin",
        "hawk",
    )


def test_such_a_token_is_never_recent_authentication(say: DialectClient) -> None:
    hawk, boss = account_row(say.app, "hawk"), login(say, ADMIN)
    token = say.post(f"/api/createtoken/{hawk['short_id']}", token=boss).json["authToken"]
    answer = say.client.patch(
        "/api/users/me",
        json={"email": "x@example.org"},
        headers={"Authorization": f"Bearer {token}"},
    )
    assert (answer.status_code, answer.json["code"]) == (401, "step_up_required")


def test_making_a_token_and_ending_all_need_recent_authentication(
    say: DialectClient, clock: ManualClock
) -> None:
    hawk, boss = account_row(say.app, "hawk"), login(say, ADMIN)
    clock.advance(minutes=16)
    for path, body in (
        (f"/api/createtoken/{hawk['short_id']}", None),
        ("/api/deletetoken", {"userId": hawk["short_id"]}),
    ):
        answer = say.post(path, body, token=boss)
        assert (answer.status_code, answer.json["error"]) == (401, "step-up-required")


@pytest.mark.parametrize("who", ["nobody", "hawk", "", "x" * 500])
def test_no_token_is_made_for_who_is_not_there(say: DialectClient, who: str) -> None:
    boss = login(say, ADMIN)
    answer = say.post(f"/api/createtoken/{who}", token=boss)
    assert answer.json == {} or answer.status_code == 404
    assert say.post("/api/deletetoken", {"userId": who or "nobody"}, token=boss).json == {}


def test_no_token_is_made_for_who_is_disabled(say: DialectClient) -> None:
    hawk, boss = account_row(say.app, "hawk"), login(say, ADMIN)
    say.put(f"/api/users/{hawk['short_id']}", {"action": "disableLogin"}, token=boss)
    assert say.post(f"/api/createtoken/{hawk['short_id']}", token=boss).json == {}


@pytest.mark.parametrize("kind", ["json", "data"])
def test_an_administrator_ends_one_token_of_a_user(say: DialectClient, kind: str) -> None:
    hawk, boss = account_row(say.app, "hawk"), login(say, ADMIN)
    first, second = login(say, HAWK), login(say, HAWK)
    answer = say.post(
        "/api/deletetoken", token=boss, **{kind: {"userId": hawk["short_id"], "token": first}}
    )
    assert (answer.status_code, answer.json) == (
        200,
        {"message": f"Delete token: [hidden] from user: {hawk['short_id']}"},
    )
    assert (lives(say, first), lives(say, second)) == (False, True)
    for token in (first, boss, "nothing", "x" * 43):
        body = {"userId": hawk["short_id"], "token": token}
        assert say.post("/api/deletetoken", body, token=boss).json == {}
    assert lives(say, second)
    assert lives(say, boss)


def test_an_administrator_ends_all_tokens_of_a_user(say: DialectClient) -> None:
    hawk, boss = account_row(say.app, "hawk"), login(say, ADMIN)
    first, second = login(say, HAWK), login(say, HAWK)
    answer = say.post("/api/deletetoken", {"userId": hawk["short_id"]}, token=boss)
    assert (answer.status_code, answer.json) == (
        200,
        {"message": f"Delete all token from user: {hawk['short_id']}"},
    )
    assert [lives(say, token) for token in (first, second, boss)] == [False, False, True]
    assert login(say, HAWK)


def test_without_a_user_no_token_is_ended(say: DialectClient) -> None:
    boss = login(say, ADMIN)
    answer = say.post("/api/deletetoken", {"token": boss}, token=boss)
    assert (answer.status_code, answer.json) == (
        200,
        {"message": "Expected a userId to be set but received none."},
    )
    assert lives(say, boss)


def test_a_user_is_found_by_name_where_it_is_no_id(say: DialectClient) -> None:
    boss, admin, hawk = (
        login(say, ADMIN),
        account_row(say.app, "admin"),
        account_row(say.app, "hawk"),
    )
    for name in ("hawk", "HAWK", hawk["short_id"]):
        assert say.get(f"/api/users/{name}", token=boss).json["_id"] == hawk["short_id"]
    body = {"username": admin["short_id"], "password": "newpwd", "email": "late@example.org"}
    assert say.post("/api/users", body, token=boss).status_code == 200
    assert say.get(f"/api/users/{admin['short_id']}", token=boss).json["username"] == "admin"
    for name in ("nobody", "hawk%20", "%25"):
        assert say.get(f"/api/users/{name}", token=boss).json == {}
