"""Wekan: what is shown of users, and how administrators change them."""

from __future__ import annotations

import pytest

from identity.store.models import Account
from support.accounts import ADMIN
from support.clock import ManualClock
from support.database import account_row, table_rows
from support.dialects import DialectClient
from support.wekan import LOGIN_FAILED, UNAUTHORIZED, USER, login


@pytest.fixture
def boss(say: DialectClient) -> str:
    """A token of the administrator."""
    return login(say, *ADMIN)


@pytest.mark.parametrize(
    ("clash", "reason"),
    [
        ({"email": "other@email.com"}, "Username already exists."),
        ({"email": "other@email.com", "username": "MyUserName"}, "Username already exists."),
        ({"username": "other"}, "Email already exists."),
        ({"username": "other", "email": "MY@EMAIL.COM"}, "Email already exists."),
    ],
)
def test_what_is_taken_is_400_wherever_it_is_made(
    say: DialectClient, boss: str, clash: dict[str, str], reason: str
) -> None:
    say.post("/users/register", USER)
    for path, token in (("/users/register", ""), ("/api/users", boss)):
        answer = say.post(path, USER | clash, token=token)
        assert (answer.status_code, answer.json) == (400, {"error": 403, "reason": reason})
    assert len(table_rows(say.app, Account)) == 3


@pytest.mark.parametrize(
    ("kind", "slash"), [("json", ""), ("data", ""), ("json", "/"), ("data", "/")]
)
def test_an_administrator_creates_a_user_whose_id_has_both_names(
    say: DialectClient, boss: str, kind: str, slash: str
) -> None:
    wanted = {
        "username": "tester",
        "password": "tester",
        "email": "tester@example.com",
        "fromAdmin": "true",
    }
    answer = say.post(f"/api/users{slash}", token=boss, **{kind: wanted})
    assert (answer.status_code, answer.json.keys()) == (200, {"_id", "id"})
    assert answer.json["_id"] == answer.json["id"]
    assert len(answer.json["_id"]) == 17
    assert account_row(say.app, "tester")["admin"] is False
    assert login(say, "tester", "tester")


def test_a_user_is_shown_to_administrators_without_secrets(
    say: DialectClient, boss: str, clock: ManualClock
) -> None:
    made = say.post("/users/register", USER).json["id"]
    clock.advance(milliseconds=250)
    answer = say.get(f"/api/users/{made}", token=boss)
    assert answer.status_code == 200
    assert answer.json == {
        "_id": made,
        "username": "myusername",
        "createdAt": "2026-01-01T12:00:00.000Z",
        "modifiedAt": "2026-01-01T12:00:00.000Z",
        "services": {},
        "sessionData": {},
        "emails": [{"address": "my@email.com", "verified": False}],
        "isAdmin": False,
        "loginDisabled": False,
        "authenticationMethod": "password",
        "profile": {},
        "boards": [],
        "orgs": [],
        "teams": [],
    }


def test_own_account_is_shown_without_the_key_of_secrets(still: DialectClient, hawk: str) -> None:
    own = still.get("/api/user", token=hawk)
    assert own.status_code == 200
    assert {"services", "sessionData"}.isdisjoint(own.json)
    assert (own.json["username"], own.json["emails"], own.json["profile"]) == ("hawk", [], {})


@pytest.mark.parametrize("path", ["/api/users", "/api/users/"])
def test_users_are_listed_by_id_and_name_alone(still: DialectClient, admin: str, path: str) -> None:
    listed = still.get(path, token=admin).json
    assert [user["username"] for user in listed] == ["admin", "hawk"]
    assert all(user.keys() == {"_id", "username"} and len(user["_id"]) == 17 for user in listed)


@pytest.mark.parametrize("path", ["/api/users/{id}", "/api/users/{id}/", "/api/user/{id}"])
@pytest.mark.parametrize("kind", ["json", "data"])
def test_a_disabled_login_has_no_way_in_until_it_is_enabled(
    say: DialectClient, boss: str, path: str, kind: str
) -> None:
    made = say.post("/users/register", USER).json
    path = path.format(id=made["id"])
    disabled = say.put(path, token=boss, **{kind: {"action": "disableLogin"}})
    assert (disabled.status_code, disabled.json["_id"], disabled.json["loginDisabled"]) == (
        200,
        made["id"],
        True,
    )
    refused = say.post("/users/login", {"username": "myusername", "password": USER["password"]})
    assert (refused.status_code, refused.json) == (401, LOGIN_FAILED)
    assert say.get("/api/user", token=made["token"]).json == UNAUTHORIZED
    enabled = say.put(path, token=boss, **{kind: {"action": "enableLogin"}})
    assert (enabled.status_code, enabled.json["loginDisabled"]) == (200, False)
    assert say.get("/api/user", token=made["token"]).json == UNAUTHORIZED
    assert login(say, "myusername", USER["password"])


def test_disabling_their_own_account_changes_nothing(still: DialectClient, admin: str) -> None:
    own = still.get("/api/user", token=admin).json["_id"]
    answer = still.put(f"/api/users/{own}", {"action": "disableLogin"}, token=admin)
    assert (answer.status_code, answer.json["loginDisabled"]) == (200, False)
    assert still.get("/api/user", token=admin).json["_id"] == own


def test_an_action_in_the_query_of_a_get_does_nothing(still: DialectClient, admin: str) -> None:
    hawk = account_row(still.app, "hawk")["short_id"]
    assert (
        still.get(f"/api/users/{hawk}?action=disableLogin", token=admin).json["loginDisabled"]
        is False
    )


def test_boards_of_an_unknown_user_are_an_empty_list(still: DialectClient, admin: str) -> None:
    hawk = account_row(still.app, "hawk")["short_id"]
    for path in (
        "/api/boards",
        "/api/boards/",
        f"/api/users/{hawk}/boards",
        f"/api/users/{hawk}/boards/",
    ):
        assert (still.get(path, token=admin).status_code, still.get(path, token=admin).json) == (
            200,
            [],
        )
    assert still.put(f"/api/users/{hawk}", {"action": "takeOwnership"}, token=admin).json == []


def test_a_deleted_user_is_gone_and_the_id_answered(say: DialectClient, boss: str) -> None:
    made = say.post("/users/register", USER).json
    for _ in range(2):
        answer = say.ask("DELETE", f"/api/users/{made['id']}", token=boss)
        assert (answer.status_code, answer.json) == (200, {"_id": made["id"]})
    assert say.get(f"/api/users/{made['id']}", token=boss).json == {}
    assert say.get("/api/user", token=made["token"]).json == UNAUTHORIZED
    again = say.post("/users/register", USER).json
    assert again["id"] != made["id"]
    assert say.get("/api/user", token=made["token"]).json == UNAUTHORIZED


def test_the_last_administrator_stays(say: DialectClient, boss: str) -> None:
    own = say.get("/api/user", token=boss).json["_id"]
    answer = say.ask("DELETE", f"/api/users/{own}", token=boss)
    assert (answer.status_code, answer.json["error"]) == (409, "last_admin")
    assert say.get("/api/user", token=boss).json["_id"] == own
