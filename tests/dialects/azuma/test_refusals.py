"""Azuma: what is refused, and with which error name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from identity.store.models import Account
from support.accounts import HAWK, populate
from support.app import services
from support.azuma import AZUMA, JOHN, require_error
from support.clock import ManualClock
from support.database import table_rows
from support.dialects import (
    FORM,
    UNREADABLE,
    DialectClient,
    dialect_client_of,
)

BODY_CALLS = [("POST", "/users"), ("POST", "/user/login"), ("PATCH", "/user/update")]


@pytest.mark.parametrize(
    "header",
    [
        None,
        "Bearer",
        "Bearer ",
        "Bearer not-a-uuid",
        "Bearer c3b6f0b1-4a81-4ec8-800e-a2ad39f4d56e",
        "Basic c3b6f0b1-4a81-4ec8-800e-a2ad39f4d56e",
        "Digest username=azuma",
        "c3b6f0b1-4a81-4ec8-800e-a2ad39f4d56e",
        "Bearer c3b6f0b1-4a81-4ec8-800e-a2ad39f4d56e c3b6f0b1-4a81-4ec8-800e-a2ad39f4d56e",
    ],
)
def test_what_is_no_live_token_is_unauthorized(still: DialectClient, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    require_error(still.patch("/user/update", {}, headers=headers), 401, "UNAUTHORIZED")


@pytest.mark.parametrize(("method", "path"), BODY_CALLS)
@pytest.mark.parametrize("case", UNREADABLE)
def test_a_body_that_cannot_be_read_is_refused_by_name(
    still: DialectClient, hawk: str, case: str, method: str, path: str
) -> None:
    request, status = UNREADABLE[case]
    names = {
        400: "BAD_REQUEST",
        411: "LENGTH_REQUIRED",
        413: "PAYLOAD_TOO_LARGE",
        415: "UNSUPPORTED_MEDIA_TYPE",
    }
    require_error(still.ask(method, path, token=hawk, **request), status, names[status])
    assert len(table_rows(still.app, Account)) == 2


@pytest.mark.parametrize(("method", "path"), BODY_CALLS)
def test_forms_are_refused(still: DialectClient, hawk: str, method: str, path: str) -> None:
    require_error(still.ask(method, path, token=hawk, **FORM), 415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize("path", ["/users", "/user/register", "/user/login"])
@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"name": "a"},
        {"password": "b"},
        {"name": 7, "password": "b"},
        {"name": "a", "password": None},
        {"name": ["a"], "password": "b"},
        {"name": "a", "password": {"$gt": ""}},
    ],
)
def test_missing_and_wrong_fields_are_a_bad_request(
    still: DialectClient, path: str, wrong: dict[str, Any]
) -> None:
    require_error(still.post(path, wrong), 400, "BAD_REQUEST")


@pytest.mark.parametrize(
    "odd",
    [
        {"name": ""},
        {"name": "a:b"},
        {"name": "two words"},
        {"name": "x" * 65},
        {"name": "\u0430dmin"},
        {"name": "c3b6f0b1-4a81-4ec8-800e-a2ad39f4d56e"},
        {"email": "a@b@c"},
        {"email": ["a@x.org", "b@x.org"]},
        {"password": ""},
        {"password": "x" * 257},
        {"password": "tab\there"},
    ],
)
def test_what_no_account_can_have_is_a_bad_request(
    still: DialectClient, odd: dict[str, Any]
) -> None:
    require_error(still.post("/users", JOHN | odd), 400, "BAD_REQUEST")


@pytest.mark.parametrize(
    ("method", "path", "status", "message"),
    [
        ("GET", "", 404, "NOT_FOUND"),
        ("GET", "/nothing", 404, "NOT_FOUND"),
        ("GET", "/users", 405, "METHOD_NOT_ALLOWED"),
        ("DELETE", "/user/update", 405, "METHOD_NOT_ALLOWED"),
        ("POST", "/user/update", 405, "METHOD_NOT_ALLOWED"),
    ],
)
def test_an_unknown_path_or_method_is_refused_by_name(
    still: DialectClient, method: str, path: str, status: int, message: str
) -> None:
    answer = still.ask(method, path)
    require_error(answer, status, message)
    assert ("Allow" in answer.headers) == (status == 405)


def test_too_many_wrong_passwords_are_refused_for_a_while(
    make_app: Callable[..., Flask], clock: ManualClock
) -> None:
    app = make_app(lockout_failures="3")
    populate(app)
    hawk = {"name": HAWK[0], "password": HAWK[1]}
    with dialect_client_of(app, "/azuma") as say:
        for _ in range(3):
            require_error(say.post("/user/login", hawk | {"password": "wrong"}), 403, "FORBIDDEN")
        locked = say.post("/user/login", hawk)
        require_error(locked, 429, "TOO_MANY_REQUESTS")
        assert locked.headers["Retry-After"] == "900"
        clock.advance(seconds=900)
        assert say.post("/user/login", hawk).status_code == 200


@pytest.mark.parametrize("mode", ["admin", "closed"])
def test_registration_is_refused_where_it_is_not_open(
    make_app: Callable[..., Flask], mode: str
) -> None:
    app = make_app(registration=mode)
    populate(app)
    with dialect_client_of(app, "/azuma") as say:
        status, message = {"admin": (401, "UNAUTHORIZED"), "closed": (403, "FORBIDDEN")}[mode]
        require_error(say.post("/users", JOHN), status, message)
    assert len(table_rows(app, Account)) == 2


def test_a_full_admission_queue_is_reported_by_name(make_app: Callable[..., Flask]) -> None:
    app = make_app(hash_queue="1")
    populate(app)
    with dialect_client_of(app, "/azuma") as say, services(app).authentication._passwords.admit():
        answer = say.post("/user/login", AZUMA)
        require_error(answer, 503, "SERVICE_UNAVAILABLE")
        assert int(answer.headers["Retry-After"]) >= 1
