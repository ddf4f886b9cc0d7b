"""Azuma: the examples of its document, and the idle lifetime of its tokens."""

from __future__ import annotations

import re
from typing import Any

import pytest

from support.accounts import ADMIN
from support.azuma import AZUMA, JOHN, require_error
from support.clock import ManualClock
from support.database import account_row
from support.dialects import UUID, DialectClient
from support.http import basic

DAY = 24 * 60 * 60


def alive(say: DialectClient, token: str) -> bool:
    return say.patch("/user/update", {}, token=token).status_code == 200


@pytest.mark.parametrize("path", ["/users", "/users/"])
def test_registering_answers_201_with_a_uuid_that_is_logged_in(
    say: DialectClient, path: str
) -> None:
    answer = say.post(path, JOHN)
    assert (answer.status_code, answer.json.keys()) == (201, {"token"})
    assert UUID.fullmatch(answer.json["token"])
    assert alive(say, answer.json["token"])
    assert account_row(say.app, "John")["email"] == "john.doe@oneshot.cam"


def test_the_older_registration_needs_no_email(say: DialectClient) -> None:
    answer = say.post("/user/register", AZUMA)
    assert (answer.status_code, answer.json.keys()) == (201, {"token"})
    assert account_row(say.app, "azuma")["email"] is None


@pytest.mark.parametrize(
    "clash",
    [JOHN, JOHN | {"email": "other@oneshot.cam"}, JOHN | {"name": "JOHN"}, JOHN | {"name": "Jack"}],
)
def test_a_taken_name_or_email_already_exists(say: DialectClient, clash: dict[str, str]) -> None:
    say.post("/users", JOHN)
    require_error(say.post("/users", clash), 409, "ALREADY_EXISTS")


def test_rights_are_not_taken_from_a_body(say: DialectClient) -> None:
    extra = {
        "admin": True,
        "isAdmin": True,
        "activated": True,
        "id": 1,
        "uuid": "x",
        "version": 7,
        "disabled": False,
    }
    assert say.post("/users", JOHN | extra).status_code == 201
    made = account_row(say.app, "John")
    assert (made["admin"], made["activated"], made["version"]) == (False, False, 1)
    assert made["id"] != 1


def test_each_login_answers_200_with_a_token_of_its_own(say: DialectClient) -> None:
    say.post("/user/register", AZUMA)
    answers = [say.post("/user/login", AZUMA) for _ in range(2)]
    assert [(answer.status_code, answer.json.keys()) for answer in answers] == [
        (200, {"token"})
    ] * 2
    first, second = (answer.json["token"] for answer in answers)
    assert first != second
    assert alive(say, first)
    assert alive(say, second)


def test_a_login_distinguishes_an_unknown_name_from_a_wrong_password(say: DialectClient) -> None:
    require_error(say.post("/user/login", AZUMA), 404, "NOT_FOUND")
    say.post("/user/register", AZUMA)
    require_error(say.post("/user/login", AZUMA | {"password": "trinity"}), 403, "FORBIDDEN")


def test_an_email_is_no_name(say: DialectClient) -> None:
    say.post("/users", JOHN)
    require_error(
        say.post("/user/login", {"name": JOHN["email"], "password": JOHN["password"]}),
        404,
        "NOT_FOUND",
    )


def test_a_disabled_user_is_refused_with_password_and_token(say: DialectClient, token: str) -> None:
    account_id = account_row(say.app, "azuma")["id"]
    say.client.post(f"/api/admin/users/{account_id}/disable", headers=basic(*ADMIN))
    require_error(say.post("/user/login", AZUMA), 403, "FORBIDDEN")
    require_error(say.patch("/user/update", {}, token=token), 401, "UNAUTHORIZED")


def test_an_update_answers_with_id_name_and_time_and_no_email(say: DialectClient) -> None:
    token = say.post("/users", JOHN).json["token"]
    made = account_row(say.app, "John")
    answer = say.patch("/user/update", {"name": "azumax", "password": "neoxneox"}, token=token)
    assert answer.status_code == 200
    assert answer.json == {
        "id": made["uuid"],
        "name": "azumax",
        "created_at": "2026-01-01T12:00:00.000000Z",
    }
    assert say.post("/user/login", {"name": "azumax", "password": "neoxneox"}).status_code == 200
    require_error(
        say.post("/user/login", {"name": "azumax", "password": JOHN["password"]}), 403, "FORBIDDEN"
    )
    require_error(say.post("/user/login", JOHN), 404, "NOT_FOUND")


def test_a_time_keeps_its_microseconds(say: DialectClient, clock: ManualClock) -> None:
    clock.advance(microseconds=63095)
    token = say.post("/user/register", AZUMA).json["token"]
    created_at = say.patch("/user/update", {}, token=token).json["created_at"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.063095Z", created_at)


@pytest.mark.parametrize(
    "kept",
    [
        {},
        {"name": None},
        {"password": None},
        {"name": "azuma"},
        {"name": None, "age": 7, "id": "x"},
    ],
)
def test_what_is_absent_or_null_stays(say: DialectClient, token: str, kept: dict[str, Any]) -> None:
    before = account_row(say.app, "azuma")
    answer = say.patch("/user/update", kept, token=token)
    assert (answer.status_code, answer.json["name"]) == (200, "azuma")
    after = account_row(say.app, "azuma")
    assert {name: after[name] for name in before if name != "updated_at"} == {
        name: before[name] for name in before if name != "updated_at"
    }


@pytest.mark.parametrize("taken", ["hawk", "HAWK"])
def test_a_taken_name_cannot_be_had_by_an_update(
    say: DialectClient, token: str, taken: str
) -> None:
    require_error(say.patch("/user/update", {"name": taken}, token=token), 409, "ALREADY_EXISTS")
    assert account_row(say.app, "azuma")["username"] == "azuma"


def test_a_new_password_ends_every_session_but_the_one_that_asked(
    say: DialectClient, token: str
) -> None:
    other = say.post("/user/login", AZUMA).json["token"]
    assert say.patch("/user/update", {"password": "neox"}, token=token).status_code == 200
    assert alive(say, token)
    assert not alive(say, other)


@pytest.mark.parametrize("change", [{"name": "azumax"}, {"password": "neox"}])
def test_a_change_needs_a_recent_login(
    say: DialectClient, clock: ManualClock, token: str, change: dict[str, str]
) -> None:
    assert alive(say, token)
    clock.advance(minutes=16)
    require_error(say.patch("/user/update", change, token=token), 401, "STEP_UP_REQUIRED")
    recent = say.post("/user/login", AZUMA).json["token"]
    assert say.patch("/user/update", change, token=recent).status_code == 200


def test_a_token_has_one_spelling(say: DialectClient, token: str) -> None:
    for other in (token.upper(), token.replace("-", ""), f"{{{token}}}", token + "=", token[:-1]):
        require_error(say.patch("/user/update", {}, token=other), 401, "UNAUTHORIZED")
    assert alive(say, token)


def test_the_scheme_may_be_in_any_letters(say: DialectClient, token: str) -> None:
    for scheme in ("Bearer", "bearer", "BEARER", "token"):
        assert (
            say.patch(
                "/user/update", {}, headers={"Authorization": f"{scheme} {token}"}
            ).status_code
            == 200
        )


def test_an_unused_token_is_valid_for_five_minutes(say: DialectClient, clock: ManualClock) -> None:
    say.post("/user/register", AZUMA)
    used, unused = (say.post("/user/login", AZUMA).json["token"] for _ in range(2))
    clock.advance(seconds=299)
    assert alive(say, used)
    clock.advance(seconds=1)
    assert not alive(say, unused)
    assert alive(say, used)


def test_each_use_moves_the_end_to_two_weeks_from_then(
    say: DialectClient, clock: ManualClock, token: str
) -> None:
    assert alive(say, token)
    for _ in range(2):
        clock.advance(seconds=14 * DAY - 1)
        assert alive(say, token)
    clock.advance(seconds=14 * DAY)
    assert not alive(say, token)


def test_a_token_in_daily_use_ends_after_ninety_days(
    say: DialectClient, clock: ManualClock, token: str
) -> None:
    for _ in range(9):
        assert alive(say, token)
        clock.advance(days=10)
    assert not alive(say, token)
