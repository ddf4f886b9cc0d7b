"""Hostile input on every route that takes a body, and in unusual headers."""

from __future__ import annotations

import string
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from catalogue.test_access import MATRIX
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from web.test_routes import MATRIX as NATIVE
from web.test_routes import target
from werkzeug.test import TestResponse

from identity.domain.principal import operator
from identity.services.accounts.registration import NewAccount
from support.accounts import ADMIN, HAWK, populate
from support.app import services
from support.database import account_row, shared_database
from support.http import basic, bearer, token_of
from support.two_nodes import UNLIMITED

TAKING = sorted({key for key in [*MATRIX, *NATIVE] if key[0] in {"POST", "PUT", "PATCH"}})
# Every field that any of the documents names, and what must never be taken from a body.
FIELDS = (
    *(
        "username",
        "name",
        "email",
        "password",
        "password_confirm",
        "current_password",
        "full_name",
        "fullname",
    ),
    *(
        "token",
        "csr",
        "description",
        "note",
        "action",
        "admin",
        "isAdmin",
        "fromAdmin",
        "activated",
        "id",
        "version",
    ),
)
ODD = (
    "hawk",
    "HAWK",
    "hawk@example.org",
    "x" * 300,
    "\x00",
    "\ud800",
    "a\r\nb",
    "\u202e",
    "%00",
    "'--",
    "..",
    "",
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(ODD)
    | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
BODIES = st.dictionaries(
    st.sampled_from(FIELDS) | st.text(string.ascii_letters, max_size=8), VALUES, max_size=6
)
LONG_PASSWORD = "a rather long passphrase"
DOCUMENTED_500 = {"errors": "authentication_failed"}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def application(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Flask]:
    with shared_database(request, tmp_path_factory) as make:
        app = make(**UNLIMITED)
        populate(app)
        yield app


@pytest.fixture
def caller(application: Flask) -> FlaskClient:
    return application.test_client(use_cookies=False)


def sensible(answer: TestResponse) -> bool:
    return answer.status_code < 500 or answer.json == DOCUMENTED_500


@given(route=st.sampled_from(TAKING), body=BODIES, who=st.sampled_from([None, HAWK]))
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_body_is_a_mistake_of_ours(
    caller: FlaskClient, route: tuple[str, str], body: dict[str, Any], who: tuple[str, str] | None
) -> None:
    method, rule = route
    path = target(rule).replace("<uuid>", "0" * 36).replace("<user_id>", "0" * 17)
    before = account_row(caller.application, "admin")
    answer = caller.open(path, method=method, json=body, headers=basic(*who) if who else {})
    assert sensible(answer), (route, answer.text)
    assert "Traceback" not in answer.text
    assert account_row(caller.application, "admin") == before  # only an administrator may


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", "=1+1", "{{7*7}}", "${x}", "</b>&amp;'\""]
)
def test_markup_in_a_full_name_is_text(client: FlaskClient, text: str) -> None:
    answer = client.patch("/api/users/me", json={"full_name": text}, headers=basic(*HAWK))
    assert (answer.status_code, answer.json["full_name"]) == (200, text)
    assert answer.content_type == "application/json"


RIGHTS = (
    "admin",
    "isAdmin",
    "is_admin",
    "role",
    "activated",
    "email_verified",
    "disabled",
    "id",
    "version",
    "uuid",
)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PATCH", "/api/users/me"),
        ("PATCH", "/azuma/user/update"),
        ("PUT", "/continuous/users/{uuid}"),
    ],
)
def test_a_change_of_the_callers_account_gives_no_rights(
    client: FlaskClient, method: str, path: str
) -> None:
    before = account_row(client.application, "hawk")
    for field in RIGHTS:
        for value in (True, "true", 1, "1"):
            answer = client.open(
                path.format(uuid=before["uuid"]),
                method=method,
                json={field: value},
                headers=basic(*HAWK),
            )
            assert answer.status_code in {200, 204, 400}, answer.text
    assert account_row(client.application, "hawk") == before


@pytest.mark.parametrize(
    "body",
    [
        {"username": "a:b", "password": "newpwd"},
        {"username": "a b", "password": "newpwd"},
        {"username": "аdmin", "password": "newpwd"},
        {"username": "idt_x", "password": "newpwd"},
        {"username": "kite", "password": ""},
        {"username": "kite", "password": "x" * 257},
        {"username": "kite", "password": "a\nb"},
        {"username": "kite", "password": "newpwd", "email": "a@b@c"},
        {"username": "kite", "password": "newpwd", "full_name": "a\nb"},
        {"username": "kite"},
    ],
)
def test_an_administrator_makes_no_account_that_registration_would_refuse(
    client: FlaskClient, body: dict[str, str]
) -> None:
    own = client.post("/api/users", json=body)
    made = client.post("/api/admin/users", json=body, headers=basic(*ADMIN))
    assert (made.status_code, made.json["code"], made.json["errors"]) == (
        400,
        "invalid_input",
        own.json["errors"],
    )


def test_an_administrator_of_a_hardened_service_makes_no_weak_password_either(
    make_app: Callable[..., Flask],
) -> None:
    hardened = make_app(
        hardened="true",
        public_url="https://id.example.org",
        argon2_memory_kib="19456",
        argon2_time="2",
    )
    services(hardened).accounts.create(operator(), NewAccount("admin", LONG_PASSWORD), admin=True)
    body = {"username": "kite", "password": "password"}
    answer = hardened.test_client().post(
        "/api/admin/users", json=body, headers=basic("admin", LONG_PASSWORD)
    )
    assert (answer.status_code, answer.json["code"]) == (400, "invalid_input")


TARGETS = (
    "//evil.example",
    "/\\evil.example",
    "javascript:alert(1)",
    "https:evil.example",
    "x\r\nSet-Cookie: a=b",
)
NAMES = ("next", "return", "return_to", "redirect", "redirect_uri", "url", "continue")


@pytest.mark.parametrize("wanted", TARGETS)
@pytest.mark.parametrize(
    "page", ["/activate", "/reset", "/docs/", "/api/resource", "/healthz", "/nowhere"]
)
def test_nothing_asked_for_is_ever_redirected_to(
    client: FlaskClient, page: str, wanted: str
) -> None:
    for method in ("GET", "POST"):
        answer = client.open(
            page,
            method=method,
            query_string=dict.fromkeys(NAMES, wanted),
            headers={"Referer": page},
        )
        assert answer.status_code not in range(300, 400)
        assert "Location" not in answer.headers
        assert "Set-Cookie" not in answer.headers
        assert "evil" not in answer.text
        answer.close()


@pytest.mark.parametrize("peer", ["127.0.0.1", "192.0.2.1"])
def test_no_forwarded_scheme_is_believed(client: FlaskClient, peer: str) -> None:
    forwarded = {
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Prefix": "/evil",
        "Forwarded": "proto=https;host=evil.example",
        "X-Original-URL": "/api/admin/users",
        "X-Rewrite-URL": "/api/admin/users",
    }
    body = {"username": "kite", "password": "newpwd"}
    answer = client.post(
        "/api/users", json=body, headers=forwarded, environ_overrides={"REMOTE_ADDR": peer}
    )
    assert answer.status_code == 201
    assert answer.headers["Location"] == "http://localhost/api/users/3"


@pytest.mark.parametrize(
    "token", ["a=b", "a=b,c=d", 'a="b"', "=", "==", "realm=x token=y", "{token}=x", "{token}=="]
)
def test_a_token_with_an_equals_sign_is_no_credential(client: FlaskClient, token: str) -> None:
    own = token_of(client, *HAWK)
    answer = client.get("/api/resource", headers=bearer(token.format(token=own)))
    assert answer.status_code in {400, 401}
