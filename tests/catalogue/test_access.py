"""Who may call what, in all five dialects: a row for every route and method, each proven by calls.

Here are the rows of the other dialects; those of the native one are in tests/web/test_routes.py. In
all of them a disabled user is refused, and a certificate may do what its owner's token may, except
for calls that need a recent authentication by password.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from certificates.test_proxy_headers import SECRET, by_nginx
from flask import Flask
from flask.testing import FlaskClient
from web.test_routes import MATRIX as NATIVE
from web.test_routes import NOT_OURS, target
from werkzeug.test import TestResponse

from identity.domain.principal import operator
from identity.services.accounts.changes import ProfileChange
from identity.services.accounts.registration import NewAccount
from support.accounts import ADMIN, HAWK, populate
from support.app import services
from support.certificates import signed
from support.database import account_row, rows
from support.http import basic, bearer, token_of

KITE = ("kite", "milvus")
_numbers = itertools.count()


@dataclass(frozen=True)
class Row:
    """The statuses for a call about hawk: anonymous, hawk, another user, an administrator, hawk's
    certificate.
    """

    anonymous: int
    owner: int
    other: int
    admin: int
    certificate: int
    body: dict[str, str] | None = None


def every_caller(status: int, **body: str) -> Row:
    return Row(status, status, status, status, status, body or None)


def known_callers(status: int, *, anonymous: int = 401, **body: str) -> Row:
    return Row(anonymous, status, status, status, status, body)


def only_admins(status: int, **body: str) -> Row:
    return Row(401, 403, 403, status, 403, body or None)


LOGIN = {"password": HAWK[1]}
MATRIX: dict[tuple[str, str], Row] = {
    ("POST", "/azuma/users"): every_caller(201, name="{new}", **LOGIN),
    ("POST", "/azuma/user/register"): every_caller(201, name="{new}", **LOGIN),
    ("POST", "/azuma/user/login"): every_caller(200, name="hawk", **LOGIN),
    ("PATCH", "/azuma/user/update"): Row(401, 200, 200, 200, 401, {"name": "{new}"}),
    ("POST", "/continuous/users"): every_caller(
        201, email="{new}@example.org", **LOGIN, password_confirm=HAWK[1]
    ),
    ("GET", "/continuous/users/<uuid>"): every_caller(200),
    ("GET", "/continuous/users/<uuid>/activate"): every_caller(200),
    ("PUT", "/continuous/users/<uuid>"): Row(
        401, 204, 404, 204, 401, {"email": "{new}@example.org"}
    ),
    ("POST", "/continuous/sessions"): every_caller(201, email="hawk@example.org", **LOGIN),
    ("POST", "/continuous/passwords/reset"): every_caller(204, email="hawk@example.org"),
    ("POST", "/continuous/passwords"): every_caller(
        404, email="hawk@example.org", token="x", password="x", password_confirm="x"
    ),
    ("POST", "/nerveshub/users/register"): every_caller(
        200, username="{new}", email="{new}@example.org", **LOGIN
    ),
    ("POST", "/nerveshub/users/auth"): every_caller(200, email="hawk", **LOGIN),
    ("POST", "/nerveshub/users/login"): every_caller(200, email="hawk", **LOGIN),
    # A request with credentials of two accounts is refused; the documented failure of a login is a
    # 500.
    ("POST", "/nerveshub/users/sign"): Row(
        400, 400, 500, 500, 400, {"email": "hawk", **LOGIN, "csr": "x", "description": "x"}
    ),
    **{
        ("GET", f"/{name}/openapi.json"): every_caller(200)
        for name in ("azuma", "continuous", "nerveshub", "wekan")
    },
    ("GET", "/nerveshub/users/me"): known_callers(200, anonymous=403),
    ("POST", "/wekan/users/register"): every_caller(200, username="{new}", **LOGIN),
    ("POST", "/wekan/users/login"): every_caller(200, username="hawk", **LOGIN),
    ("POST", "/wekan/users/logout"): Row(
        401, 200, 200, 200, 401
    ),  # a certificate has no token to end
    ("POST", "/wekan/api/createtoken/<user_id>"): only_admins(200),
    ("POST", "/wekan/api/deletetoken"): only_admins(200, userId="{user_id}"),
    ("GET", "/wekan/api/user"): known_callers(200),
    ("GET", "/wekan/api/users"): only_admins(200),
    ("POST", "/wekan/api/users"): only_admins(200, username="{new}", **LOGIN),
    ("GET", "/wekan/api/users/<user_id>"): only_admins(200),
    ("PUT", "/wekan/api/users/<user_id>"): only_admins(200, action="enableLogin"),
    ("PUT", "/wekan/api/user/<user_id>"): only_admins(200, action="enableLogin"),
    ("DELETE", "/wekan/api/users/<user_id>"): only_admins(200),
    ("GET", "/wekan/api/boards"): known_callers(200),
    ("GET", "/wekan/api/users/<user_id>/boards"): known_callers(200),
}

# Where hawk's certificate gets another status than hawk's token: it proves no password, and has no
# session.
CERTIFICATE = {
    ("PATCH", "/api/users/me"): 200,
    ("DELETE", "/api/users/me"): 401,  # needs a recent authentication (RFC 9470)
    ("DELETE", "/api/token"): 409,
    ("POST", "/api/certificates"): 401,
    ("DELETE", "/api/certificates/<serial:serial>"): 401,
    ("POST", "/api/certificates/renew"): 400,  # it may, but "x" is no request
}


def effective(answer: TestResponse) -> int:
    """Return the status of an answer; Wekan says 200 and means what stands in its error
    object."""
    body = answer.json if answer.is_json else None
    return (
        int(body.get("statusCode", answer.status_code))
        if isinstance(body, dict)
        else answer.status_code
    )


@dataclass
class Installation:
    """An application where hawk, kite and an administrator live, and their credentials."""

    app: Flask
    client: FlaskClient
    headers: dict[str, dict[str, str]]

    def asks(self, who: str, method: str, rule: str, body: dict[str, Any] | None) -> int:
        row, path = account_row(self.app, "hawk"), target(rule, session_id="0" * 32)
        path = path.replace("<uuid>", row["uuid"]).replace("<user_id>", row["short_id"])
        new = f"new{next(_numbers)}"
        names = {"new": new, "user_id": row["short_id"]}
        given = {
            key: value.format(**names) if isinstance(value, str) else value
            for key, value in (body or {}).items()
        }
        answer = self.client.open(
            path, method=method, headers=self.headers[who], json=None if body is None else given
        )
        status = effective(answer)
        self._put_back()
        return status

    def _put_back(self) -> None:
        # A caller may have taken a new name or email; the next one asks about the same hawk.
        if rows(self.app, "SELECT id FROM account WHERE id = 2"):
            change = ProfileChange(username="hawk", email="hawk@example.org")
            services(self.app).administration.change(operator(), 2, change)


@pytest.fixture
def installation(make_app: Callable[..., Flask]) -> Installation:
    app = make_app(trusted_proxies="127.0.0.1", proxy_secret=SECRET)
    populate(app)
    services(app).administration.change(operator(), 2, ProfileChange(email="hawk@example.org"))
    services(app).accounts.create(operator(), NewAccount(*KITE), admin=False)
    client = app.test_client(use_cookies=False)
    tokens = {who: bearer(token_of(client, *login)) for who, login in CALLERS.items()}
    return Installation(
        app, client, {"anonymous": {}, **tokens, "certificate": by_nginx(signed(client))}
    )


CALLERS = {"owner": HAWK, "other": KITE, "admin": ADMIN}


def routes(app: Flask) -> set[tuple[str, str]]:
    rules = [(rule.rule, rule.methods or set()) for rule in app.url_map.iter_rules()]
    return {(method, rule) for rule, methods in rules for method in methods - NOT_OURS}


@pytest.mark.parametrize("engine_name", ["sqlite"])
def test_every_route_of_every_dialect_has_its_row(app: Flask) -> None:
    assert routes(app) == MATRIX.keys() | NATIVE.keys()


@pytest.mark.parametrize(("method", "rule"), MATRIX, ids=lambda part: part)
def test_a_route_accepts_the_callers_of_its_row(
    installation: Installation, method: str, rule: str
) -> None:
    row = MATRIX[method, rule]
    # Callers who may delete come last.
    callers = ("anonymous", "other", "certificate", "owner", "admin")
    assert {who: installation.asks(who, method, rule, row.body) for who in callers} == {
        who: getattr(row, who) for who in callers
    }


@pytest.mark.parametrize(("method", "rule"), [*MATRIX, *NATIVE], ids=lambda part: part)
def test_a_disabled_user_is_refused(installation: Installation, method: str, rule: str) -> None:
    row = NATIVE.get((method, rule)) or MATRIX[method, rule]
    services(installation.app).administration.disable(operator(), 2)
    installation.headers["password"] = basic(*HAWK)
    said = {str(value) for value in (row.body or {}).values()}
    for who in ("owner", "certificate", "password"):
        status = installation.asks(who, method, rule, row.body)
        if row.anonymous in {401, 403}:
            assert status == row.anonymous, who
        elif not {HAWK[1], "hawk"} <= said and not {HAWK[1], "hawk@example.org"} <= said:
            # A call without required authentication may refuse an invalid credential, and gives it
            # nothing more.
            assert status in {row.anonymous, 401, 400}, who
        else:
            assert status in {401, 403, 500}, who  # the caller's own password, in a body


@pytest.mark.parametrize(("method", "rule"), NATIVE, ids=lambda part: part)
def test_a_certificate_opens_what_its_owners_token_opens_but_for_what_needs_a_password(
    installation: Installation, method: str, rule: str
) -> None:
    row = NATIVE[method, rule]
    expected = CERTIFICATE.get((method, rule), row.user)
    body = (
        None
        if row.body is None
        else {**row.body, **({"username": "{new}"} if "username" in row.body else {})}
    )
    status = installation.asks("certificate", method, rule, body)
    assert status == (201 if rule == "/api/users" else expected)


@pytest.mark.parametrize(
    ("method", "rule"), [key for key, row in NATIVE.items() if row.user == 403], ids=str
)
def test_only_an_administrator_acts_on_others(
    installation: Installation, method: str, rule: str
) -> None:
    assert installation.asks("other", method, rule, NATIVE[method, rule].body) == 403
