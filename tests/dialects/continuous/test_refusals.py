"""continuous.sh: what is refused, as RFC 9457 problems."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask

from identity.store.models import Account, OutboxMail
from identity.web.problems import CHALLENGES
from support.accounts import HAWK, populate
from support.app import services
from support.continuous import EMAIL, LOGIN, SECRET, UNKNOWN_UUID, USER, require_problem
from support.database import table_rows
from support.dialects import (
    FORM,
    UNREADABLE,
    DialectClient,
    dialect_client_of,
    shared_dialect_client,
)
from support.http import basic


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def still(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DialectClient]:
    """One application for all requests that change nothing."""
    with shared_dialect_client(request, tmp_path_factory, "/continuous") as dialect_client:
        yield dialect_client


@pytest.mark.parametrize("mode", ["admin", "closed"])
def test_registration_that_is_not_open_is_401(make_app: Callable[..., Flask], mode: str) -> None:
    app = make_app(registration=mode)
    populate(app)
    with dialect_client_of(app, "/continuous") as say:
        assert say.post("/users", USER).status_code == 401
    assert len(table_rows(app, Account)) == 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"password_confirm": "different"},
        {"password_confirm": None},
        {"password_confirm": SECRET.upper()},
        {"password": "", "password_confirm": ""},
        {"password": 7, "password_confirm": 7},
        {"email": "nobody"},
        {"email": ["a@domain.tld", "b@domain.tld"]},
        {"email": "a@domain.tld\r\nBcc: b@domain.tld"},
        {"fullname": "two\nlines"},
        {"fullname": "x" * 129},
    ],
)
def test_what_cannot_be_registered_is_401_with_its_field(
    still: DialectClient, wrong: dict[str, Any]
) -> None:
    answer = still.post("/users", USER | wrong)
    require_problem(answer, 401, "invalid_input")
    assert answer.json["errors"]
    assert len(table_rows(still.app, Account)) == 2


def test_a_field_is_called_as_the_document_calls_it(still: DialectClient) -> None:
    answer = still.post("/users", USER | {"fullname": "two\nlines"})
    require_problem(answer, 401, "invalid_input")
    assert [each["field"] for each in answer.json["errors"]] == ["fullname"]
    assert "full_name" not in answer.text


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/users", USER),
        ("POST", "/users", {}),
        ("POST", "/sessions", LOGIN),
        ("PUT", f"/users/{UNKNOWN_UUID}", {}),
    ],
)
def test_every_401_has_its_challenges(
    make_app: Callable[..., Flask], method: str, path: str, body: dict[str, Any]
) -> None:
    with dialect_client_of(make_app(registration="closed"), "/continuous") as say:
        answer = say.ask(method, path, body)
    assert (answer.status_code, answer.headers.getlist("WWW-Authenticate")) == (
        401,
        list(CHALLENGES),
    )


@pytest.mark.parametrize("missing", ["email", "password", "password_confirm"])
def test_a_missing_field_is_named(still: DialectClient, missing: str) -> None:
    answer = still.post("/users", {name: text for name, text in USER.items() if name != missing})
    require_problem(answer, 401, "invalid_input")
    assert answer.json["errors"] == [{"field": missing, "message": "is required"}]


@pytest.mark.parametrize("path", ["", "/activate"])
@pytest.mark.parametrize(
    "uuid", [UNKNOWN_UUID, UNKNOWN_UUID.upper(), f"{{{UNKNOWN_UUID}}}", "1", "hawk", "x" * 500]
)
def test_an_unknown_user_is_404(still: DialectClient, uuid: str, path: str) -> None:
    require_problem(still.get(f"/users/{uuid}{path}"), 404, "not_found")


@pytest.mark.parametrize("path", ["", "/activate"])
def test_an_id_with_nul_is_400_on_either_database(still: DialectClient, path: str) -> None:
    require_problem(still.get(f"/users/{UNKNOWN_UUID}%00{path}"), 400, "bad_request")


@pytest.mark.parametrize("email", ["nobody@domain.tld", "hawk", ""])
def test_a_reset_for_an_unknown_email_is_404_without_mail(still: DialectClient, email: str) -> None:
    require_problem(still.post("/passwords/reset", {"email": email}), 404, "not_found")
    assert table_rows(still.app, OutboxMail) == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/users"),
        ("PUT", f"/users/{UNKNOWN_UUID}"),
        ("POST", "/sessions"),
        ("POST", "/passwords/reset"),
        ("POST", "/passwords"),
    ],
)
@pytest.mark.parametrize("case", UNREADABLE)
def test_a_body_that_cannot_be_read_is_a_problem(
    still: DialectClient, case: str, method: str, path: str
) -> None:
    request, status = UNREADABLE[case]
    headers = request.get("headers", {}) | (basic(*HAWK) if method == "PUT" else {})
    codes = {
        400: "malformed_body",
        411: "length_required",
        413: "body_too_large",
        415: "unsupported_media_type",
    }
    require_problem(
        still.ask(method, path, **(request | {"headers": headers})), status, codes[status]
    )


@pytest.mark.parametrize("path", ["/users", "/sessions", "/passwords/reset", "/passwords"])
def test_forms_are_refused(still: DialectClient, path: str) -> None:
    require_problem(still.post(path, **FORM), 415, "unsupported_media_type")
    parts = {"data": {"email": EMAIL}, "content_type": "multipart/form-data"}
    require_problem(still.post(path, **parts), 415, "unsupported_media_type")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "", 404, "not_found"),
        ("GET", "/nothing", 404, "not_found"),
        ("GET", "/users/api", 404, "not_found"),
        ("GET", "/sessions", 405, "method_not_allowed"),
        ("POST", f"/users/{UNKNOWN_UUID}/activate", 405, "method_not_allowed"),
        ("DELETE", f"/users/{UNKNOWN_UUID}", 405, "method_not_allowed"),
    ],
)
def test_an_unknown_path_or_method_is_a_problem(
    still: DialectClient, method: str, path: str, status: int, code: str
) -> None:
    answer = still.ask(method, path)
    require_problem(answer, status, code)
    assert ("Allow" in answer.headers) == (status == 405)


def test_a_full_queue_before_the_hash_is_503(make_app: Callable[..., Flask]) -> None:
    app = make_app(hash_queue="1")
    populate(app)
    with (
        dialect_client_of(app, "/continuous") as say,
        services(app).authentication._passwords.admit(),
    ):
        answer = say.post("/sessions", LOGIN)
    require_problem(answer, 503, "busy")
    assert int(answer.headers["Retry-After"]) >= 1
