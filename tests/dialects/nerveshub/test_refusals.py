"""NervesHub: what is refused, and with which errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from identity.store.models import Account
from support.accounts import populate
from support.app import services
from support.database import table_rows
from support.dialects import UNREADABLE, DialectClient, dialect_client_of
from support.http import basic, bearer
from support.nerveshub import FORBIDDEN, USER


@pytest.mark.parametrize("missing", ["username", "email", "password"])
def test_a_missing_field_is_named(still: DialectClient, missing: str) -> None:
    answer = still.post(
        "/users/register", {name: text for name, text in USER.items() if name != missing}
    )
    assert (answer.status_code, answer.json) == (422, {"errors": {missing: ["is required"]}})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("username", ""),
        ("username", "a:b"),
        ("username", "two words"),
        ("username", "nhu_" + "x" * 36),
        ("username", 7),
        ("email", "nobody"),
        ("email", "a@b.org, c@d.org"),
        ("email", ["a@b.org"]),
        ("email", None),
        ("password", ""),
        ("password", "line\nbreak"),
        ("password", "x" * 257),
        ("password", {"$ne": ""}),
    ],
)
def test_a_field_that_cannot_be_used_is_named(still: DialectClient, field: str, value: Any) -> None:
    answer = still.post("/users/register", USER | {field: value})
    assert answer.status_code == 422
    assert answer.json.keys() == {"errors"}
    assert answer.json["errors"].keys() == {field}
    assert all(isinstance(message, str) for message in answer.json["errors"][field])
    assert len(table_rows(still.app, Account)) == 2


def test_closed_sign_ups_are_forbidden_in_upstreams_words(make_app: Callable[..., Flask]) -> None:
    app = make_app(registration="closed")
    populate(app)
    with dialect_client_of(app, "/nerveshub") as say:
        answer = say.post("/users/register", USER)
    assert answer.status_code == 403
    assert answer.json == {"status": "Public signups disabled. Invite required to signup"}


def test_too_many_attempts_are_no_500(make_app: Callable[..., Flask]) -> None:
    app = make_app(lockout_failures="1")
    populate(app)
    with dialect_client_of(app, "/nerveshub") as say:
        say.post("/users/auth", {"email": "hawk", "password": "wrong"})
        answer = say.post("/users/auth", {"email": "hawk", "password": "newpwd"})
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "900")
    assert isinstance(answer.json["errors"], str)


def test_a_full_queue_before_the_hash_is_no_500(make_app: Callable[..., Flask]) -> None:
    app = make_app(hash_queue="1")
    populate(app)
    with (
        dialect_client_of(app, "/nerveshub") as say,
        services(app).authentication._passwords.admit(),
    ):
        answer = say.post("/users/auth", {"email": "hawk", "password": "newpwd"})
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) >= 1
    assert isinstance(answer.json["errors"], str)


@pytest.mark.parametrize(
    "headers", [{}, basic("hawk", "wrong"), bearer("x" * 5000), {"Authorization": "Negotiate x"}]
)
def test_a_request_without_credential_is_forbidden_for_document_and_clients(
    still: DialectClient, headers: dict[str, str]
) -> None:
    answer = still.get("/users/me", headers=headers)
    assert (answer.status_code, answer.json) == (403, FORBIDDEN)


@pytest.mark.parametrize("path", ["/users/register", "/users/auth", "/users/login", "/users/sign"])
@pytest.mark.parametrize("case", UNREADABLE)
def test_a_body_that_cannot_be_read_is_refused_with_errors(
    still: DialectClient, case: str, path: str
) -> None:
    request, status = UNREADABLE[case]
    answer = still.post(path, **request)
    assert answer.status_code == status
    assert answer.json.keys() == {"errors"}
    assert isinstance(answer.json["errors"], str)


@pytest.mark.parametrize(
    ("form", "status"),
    [
        (b"password=a&password=b", 400),
        (b"a&b", 400),
        (b"x=1&" * 70 + b"y=2", 400),
        (b"note=x", 422),
    ],
)
def test_a_form_means_one_thing_or_nothing(still: DialectClient, form: bytes, status: int) -> None:
    answer = still.post("/users/auth", data=form, content_type="application/x-www-form-urlencoded")
    assert (answer.status_code, answer.json.keys()) == (status, {"errors"})


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "", 404),
        ("GET", "/users", 404),
        ("GET", "/users/1", 404),
        ("GET", "/api", 404),
        ("GET", "/users/register", 405),
        ("DELETE", "/users/me", 405),
        ("PUT", "/api/users/me", 405),
    ],
)
def test_an_unknown_path_or_method_is_refused_with_errors(
    still: DialectClient, method: str, path: str, status: int
) -> None:
    answer = still.ask(method, path)
    assert (answer.status_code, answer.json.keys()) == (status, {"errors"})
    assert ("Allow" in answer.headers) == (status == 405)
