"""The native dialect for users: their account, tokens and sessions, and registration."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask import Flask

from identity.domain.principal import operator
from identity.services.accounts.registration import NewAccount
from support.accounts import ADMIN, HAWK, populate
from support.app import services
from support.clock import ManualClock
from support.http import bearer
from support.secret_checks import PROFILE, CheckedClient, checked_client, time
from support.tokens import session_of

ME = "/api/users/me"
NEW = {"username": "falcon", "password": "peregrine-1"}
FALCON = ("falcon", "peregrine-1")
SESSION = {
    "id",
    "kind",
    "created_at",
    "authenticated_at",
    "last_used_at",
    "absolute_end",
    "origin",
    "current",
}
STRONG = {"hardened": "true", "argon2_memory_kib": "19456", "argon2_time": "2"}


@pytest.fixture
def native(app: Flask) -> CheckedClient:
    return checked_client(app)


def test_a_user_reads_their_own_account(native: CheckedClient, clock: ManualClock) -> None:
    for who in (HAWK, native.token(HAWK)):
        shown = native.ask("GET", ME, 200, who)
        assert shown.keys() == PROFILE
        assert (shown["id"], shown["username"], shown["admin"], shown["activated"]) == (
            2,
            "hawk",
            False,
            False,
        )
        assert (shown["email"], shown["email_verified"], shown["full_name"]) == (None, False, None)
        assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", shown["uuid"])
        assert time(shown["created_at"]) == time(shown["updated_at"]) == clock.now()
    assert native.ask("GET", ME, 200, ADMIN)["admin"] is True


def test_a_user_changes_names_and_email(native: CheckedClient, clock: ManualClock) -> None:
    token = native.token(HAWK)
    clock.advance(seconds=60)
    shown = native.ask(
        "PATCH", ME, 200, token, username="Kite", email="kite@example.org", full_name="K. Milan"
    )
    assert shown.keys() == PROFILE
    assert (shown["username"], shown["email"], shown["full_name"]) == (
        "Kite",
        "kite@example.org",
        "K. Milan",
    )
    assert time(shown["updated_at"]) == clock.now()
    assert native.ask("GET", "/api/resource", 200, token) == {"data": "Hello, Kite!"}
    assert native.ask("GET", "/api/users/2", 200) == {"username": "Kite"}
    native.ask("GET", ME, 401, HAWK)
    assert (
        native.ask("PATCH", ME, 200, ("kite", "newpwd"), email=None, full_name=None)["email"]
        is None
    )
    assert (
        native.ask("PATCH", ME, 200, token, username="kite")["username"] == "kite"
    )  # their own, spelled otherwise


def test_a_user_cannot_take_what_another_has(native: CheckedClient) -> None:
    native.ask("PATCH", ME, 200, ADMIN, email="admin@example.org")
    before = native.ask("GET", ME, 200, HAWK)
    assert native.refused("PATCH", ME, 409, HAWK, username="ADMIN") == "username_taken"
    assert native.refused("PATCH", ME, 409, HAWK, email="Admin@EXAMPLE.org") == "email_taken"
    assert native.refused("PATCH", ME, 400, HAWK, username="a:b") == "invalid_input"
    assert native.ask("GET", ME, 200, HAWK) == before


def test_a_stale_token_does_not_change_what_matters(
    native: CheckedClient, clock: ManualClock
) -> None:
    token = native.token(HAWK)
    for _ in range(2):
        clock.advance(seconds=450)
        token = native.token(token)
    assert (
        native.ask("PATCH", ME, 200, token, username="kite")["username"] == "kite"
    )  # 15 minutes are recent
    clock.advance(seconds=1)
    for change in ({"username": "hawk"}, {"email": "hawk@example.org"}, {"email": None}):
        assert native.refused("PATCH", ME, 401, token, **change) == "step_up_required"
    assert native.refused("PATCH", ME, 401, token, password="buteo-2") == "step_up_required"
    assert native.refused("DELETE", ME, 401, token) == "step_up_required"
    assert native.ask("PATCH", ME, 200, token, full_name="A. Hawk")["username"] == "kite"
    assert (
        native.refused("PATCH", ME, 403, token, username="hawk", current_password="not-it-3")
        == "wrong_password"
    )
    assert (
        native.ask("PATCH", ME, 200, token, username="hawk", current_password=HAWK[1])["username"]
        == "hawk"
    )


def test_a_password_is_changed_with_the_current_one_alone(native: CheckedClient) -> None:
    this, other = native.token(HAWK), native.token(HAWK)
    assert native.refused("PATCH", ME, 403, this, password="buteo-2") == "current_password_required"
    assert native.refused("PATCH", ME, 403, HAWK, password="buteo-2") == "current_password_required"
    assert (
        native.refused("PATCH", ME, 403, this, password="buteo-2", current_password="not-it-3")
        == "wrong_password"
    )
    assert native.refused("PATCH", ME, 400, this, current_password=HAWK[1]) == "invalid_input"
    native.ask("GET", "/api/resource", 200, other)
    native.ask("PATCH", ME, 200, this, password="buteo-2", current_password=HAWK[1])
    native.ask("GET", "/api/resource", 401, other)
    native.ask("GET", "/api/resource", 401, HAWK)
    for who in (this, native.token(this), ("hawk", "buteo-2")):
        assert native.ask("GET", "/api/resource", 200, who) == {"data": "Hello, hawk!"}


def test_a_user_deletes_their_own_account_and_frees_the_name_but_not_the_id(
    native: CheckedClient,
) -> None:
    token = native.token(HAWK)
    native.ask("DELETE", ME, 204, token)
    for who in (token, HAWK):
        native.ask("GET", ME, 401, who)
    assert native.refused("GET", "/api/users/2", 400) == "not_found"
    native.ask("POST", "/api/users", 201, username="hawk", password="newpwd")
    assert native.ask("GET", ME, 200, HAWK)["id"] == 3
    assert native.refused("DELETE", ME, 409, ADMIN) == "last_admin"


def test_sessions_are_listed_and_ended_one_by_one(
    native: CheckedClient, clock: ManualClock
) -> None:
    first = native.token(HAWK)
    clock.advance(seconds=30)
    second, foreign = native.token(HAWK), native.token(ADMIN)
    sessions = native.ask("GET", "/api/sessions", 200, first)["sessions"]
    assert [session["id"] for session in sessions] == [session_of(second), session_of(first)]
    assert [session["current"] for session in sessions] == [False, True]
    assert all(session.keys() == SESSION for session in sessions)
    assert (sessions[0]["kind"], sessions[0]["origin"]) == ("access", "127.0.0.1")
    assert time(sessions[0]["created_at"]) == time(sessions[0]["authenticated_at"]) == clock.now()
    assert (time(sessions[0]["absolute_end"]) - clock.now()).days == 30
    by_password = native.ask("GET", "/api/sessions", 200, HAWK)["sessions"]
    assert [session["current"] for session in by_password] == [False, False]
    native.ask("DELETE", f"/api/sessions/{session_of(second)}", 204, first)
    native.ask("GET", "/api/resource", 401, second)
    for gone in (second, foreign):
        assert (
            native.refused("DELETE", f"/api/sessions/{session_of(gone)}", 404, first) == "not_found"
        )
    native.ask("GET", "/api/resource", 200, foreign)
    assert len(native.ask("GET", "/api/sessions", 200, first)["sessions"]) == 1


def test_logging_out_ends_this_session_or_all(native: CheckedClient) -> None:
    first, second, third = (native.token(HAWK) for _ in range(3))
    assert native.refused("DELETE", "/api/token", 409, HAWK) == "no_session"
    native.ask("DELETE", "/api/token", 204, first)
    native.ask("DELETE", "/api/token", 401, first)
    native.ask("GET", "/api/resource", 200, second)
    native.ask("DELETE", "/api/sessions", 204, second)
    for token in (second, third):
        native.ask("GET", "/api/resource", 401, token)
    assert native.ask("GET", "/api/sessions", 200, HAWK) == {"sessions": []}


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_token_is_bought_by_either_method_and_carrier(native: CheckedClient, method: str) -> None:
    bought = native.ask(method, "/api/token", 200, HAWK)
    assert bought == {"token": bought["token"], "duration": 600}
    answer = native.open("/api/token", method=method, headers=bearer(bought["token"]))
    assert answer.json == {"token": answer.headers["token"], "duration": 600}
    assert native.ask("GET", "/api/resource", 200, answer.json["token"]) == {"data": "Hello, hawk!"}


def test_a_token_renews_itself_until_its_session_ends(
    make_app: Callable[..., Flask], clock: ManualClock
) -> None:
    app = make_app(session_seconds="1800")
    populate(app)
    native = checked_client(app)
    start, token, durations = clock.now(), native.token(HAWK), []
    for _ in range(3):
        clock.advance(seconds=500)
        bought = native.ask("GET", "/api/token", 200, token)
        token = bought["token"]
        durations.append(bought["duration"])
    assert durations == [600, 600, 300]  # the last one ends with its session
    (session,) = native.ask("GET", "/api/sessions", 200, token)["sessions"]
    assert (time(session["authenticated_at"]), time(session["last_used_at"])) == (
        start,
        clock.now(),
    )
    clock.advance(seconds=299)
    assert native.ask("GET", "/api/token", 200, token)["duration"] == 1
    clock.advance(seconds=1)
    native.ask("GET", "/api/token", 401, token)
    assert native.ask("GET", "/api/sessions", 200, HAWK) == {"sessions": []}


@pytest.mark.parametrize(
    ("mode", "anonymous", "user", "admin"),
    [("open", 201, 201, 201), ("admin", 401, 400, 201), ("closed", 400, 400, 400)],
)
def test_registration_follows_its_mode(
    make_app: Callable[..., Flask], mode: str, anonymous: int, user: int, admin: int
) -> None:
    app = make_app(registration=mode)
    populate(app)
    native = checked_client(app)
    for number, (who, status) in enumerate(((None, anonymous), (HAWK, user), (ADMIN, admin))):
        said = native.ask(
            "POST", "/api/users", status, who, **(NEW | {"username": f"falcon{number}"})
        )
        if status == 201:
            assert said == {"username": f"falcon{number}"}
        elif status == 400:
            assert said["code"] == "registration_refused"
    native.ask("POST", "/api/admin/users", 201, ADMIN, **NEW)  # whatever the mode


def test_a_hardened_service_discloses_less_and_requires_more(
    make_app: Callable[..., Flask],
) -> None:
    app = make_app(**STRONG)
    services(app).accounts.create(operator(), NewAccount("admin", "correct horse"), admin=True)
    native = checked_client(app)
    for weak in ("newpwd", "1234567", "password1", "PASSWORD123", "peregrine"):
        assert (
            native.refused("POST", "/api/users", 400, username="peregrine", password=weak)
            == "invalid_input"
        )
    assert native.ask("POST", "/api/users", 201, **NEW) == {"username": "falcon"}
    native.ask("GET", "/api/users/2", 401)
    assert native.ask("GET", "/api/users/1", 200, FALCON) == {"username": "admin"}
    for method in ("GET", "POST", "HEAD"):
        answer = native.open("/api/token", method=method, headers=bearer(native.token(FALCON)))
        assert (answer.status_code, "token" in answer.headers) == (200, False)
    change = {"password": "newpwd", "current_password": FALCON[1]}
    assert native.refused("PATCH", ME, 400, FALCON, **change) == "invalid_input"
