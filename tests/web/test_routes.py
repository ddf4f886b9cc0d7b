"""Who may call which route: a table that is compared with the routes and proven by calls."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

import identity
from support.accounts import ADMIN, HAWK
from support.http import basic, bearer, token_of
from support.native_api import NativeApi
from support.tokens import session_of

OPEN = {
    "front.root",
    "front.public",
    "operations.healthz",
    "operations.readyz",
    "operations.metrics",
    "operations.openapi",
    "operations.key_set",
    "docs.page",
    "docs.file",
    "certificates.chain",
    "certificates.revocation_list",
    "pages.ask_activate",
    "pages.activate",
    "pages.ask_reset",
    "pages.reset",
    "recovery.activate",
    "recovery.request_reset",
    "recovery.redeem",
    "recovery.change_password",
    # Their credential stands in the body, or they need none.
    *(f"{dialect}_document.openapi" for dialect in ("azuma", "continuous", "nerveshub", "wekan")),
    "azuma.register",
    "azuma.login",
    "continuous.register",
    "continuous.activate",
    "continuous.login",
    "continuous.request_reset",
    "continuous.reset",
    "nerveshub.register",
    "nerveshub.authenticate",
    "nerveshub.login",
    "nerveshub.sign",
    "wekan.register",
    "wekan.login",
}
DIALECTS = (
    "/azuma/",
    "/continuous/",
    "/nerveshub/",
    "/wekan/",
)  # tested in tests/dialects
NOT_OURS = {"HEAD", "OPTIONS"}
PROXIES_ASK = "/api/verify"  # with any method, see test_forward_auth.py


@dataclass(frozen=True)
class Row:
    """The statuses by caller: anonymous, the user hawk (id 2), the administrator (id 1)."""

    anonymous: int
    user: int
    admin: int
    body: dict[str, Any] | None = None


def every_caller(status: int, body: dict[str, Any] | None = None) -> Row:
    return Row(status, status, status, body)


def only_admins(status: int, body: dict[str, Any] | None = None) -> Row:
    return Row(401, 403, status, body)


MATRIX = {
    ("GET", "/"): every_caller(200),
    ("GET", "/api/public"): every_caller(200),
    ("GET", "/healthz"): every_caller(200),
    ("GET", "/readyz"): every_caller(200),
    ("GET", "/metrics"): every_caller(200),
    ("GET", "/openapi.json"): every_caller(200),
    ("GET", "/docs/"): every_caller(200),
    ("GET", "/docs/index.html"): every_caller(200),
    ("GET", "/docs/<path:path>"): every_caller(200),
    ("POST", "/api/users"): Row(
        201, 400, 400, {"username": "falcon", "password": "newpwd"}
    ),  # 400: taken by now
    ("GET", "/api/users/<account:account_id>"): every_caller(200),
    ("GET", "/api/users/me"): Row(401, 200, 200),
    ("PATCH", "/api/users/me"): Row(401, 200, 200, {"full_name": "A. Bird"}),
    ("DELETE", "/api/users/me"): Row(401, 204, 409),  # 409: the last administrator
    ("GET", "/api/token"): Row(401, 200, 200),
    ("POST", "/api/token"): Row(401, 200, 200),
    ("DELETE", "/api/token"): Row(401, 204, 204),
    ("GET", "/api/sessions"): Row(401, 200, 200),
    ("DELETE", "/api/sessions"): Row(401, 204, 204),
    ("DELETE", "/api/sessions/<session:session_id>"): Row(
        401, 404, 204
    ),  # it is the administrator's own
    ("GET", "/api/resource"): Row(401, 200, 200),
    ("GET", "/api/verify"): Row(401, 204, 204),
    ("GET", "/api/verify/admin"): Row(401, 403, 204),
    ("GET", "/api/verify/proxy"): Row(401, 200, 200),
    ("GET", "/api/verify/proxy/admin"): Row(401, 403, 200),
    ("GET", "/api/admin/users"): only_admins(200),
    ("POST", "/api/admin/users"): only_admins(201, {"username": "falcon", "password": "newpwd"}),
    ("POST", "/api/admin/invitations"): only_admins(201, {"email": "falcon@example.org"}),
    ("GET", "/api/admin/users/<account:account_id>"): only_admins(200),
    ("PATCH", "/api/admin/users/<account:account_id>"): only_admins(200, {"admin": True}),
    ("DELETE", "/api/admin/users/<account:account_id>"): only_admins(204),
    ("POST", "/api/admin/users/<account:account_id>/disable"): only_admins(200),
    ("POST", "/api/admin/users/<account:account_id>/enable"): only_admins(200),
    ("POST", "/api/admin/users/<account:account_id>/unlock"): only_admins(200),
    ("POST", "/api/admin/users/<account:account_id>/revoke"): only_admins(200),
    ("GET", "/api/admin/users/<account:account_id>/sessions"): only_admins(200),
    ("DELETE", "/api/admin/users/<account:account_id>/sessions/<session:session_id>"): only_admins(
        404
    ),
    ("GET", "/api/admin/users/<account:account_id>/certificates"): only_admins(200),
    ("DELETE", "/api/admin/users/<account:account_id>/certificates/<serial:serial>"): only_admins(
        404
    ),
    ("GET", "/api/admin/audit"): only_admins(200),
    ("GET", "/api/admin/outbox"): only_admins(200),
    ("POST", "/api/activations"): every_caller(400, {"token": "x"}),
    ("POST", "/api/password-resets"): every_caller(204, {"email": "nobody@example.org"}),
    ("POST", "/api/password-resets/redeem"): every_caller(
        400, {"token": "x", "password": "newpwd"}
    ),
    ("POST", "/api/password-changes"): every_caller(
        400, {"username": "x", "current_password": "x", "password": "x"}
    ),
    ("GET", "/activate"): every_caller(200),
    ("POST", "/activate"): every_caller(415, {"token": "x"}),  # a form's page takes forms
    ("GET", "/reset"): every_caller(200),
    ("POST", "/reset"): every_caller(415, {"token": "x", "password": "newpwd"}),
    ("GET", "/api/certificates"): Row(401, 200, 200),
    ("POST", "/api/certificates"): Row(401, 400, 400, {"csr": "x"}),
    ("POST", "/api/certificates/renew"): Row(
        401, 401, 401, {"csr": "x"}
    ),  # a token is no certificate
    ("DELETE", "/api/certificates/<serial:serial>"): Row(401, 404, 404),
    ("GET", "/ca.pem"): every_caller(200),
    ("GET", "/ca.crl"): every_caller(200),
    ("GET", "/.well-known/jwks.json"): every_caller(200),
}


def routes(app: Flask) -> set[tuple[str, str]]:
    rules = [(rule.rule, rule.methods or set()) for rule in app.url_map.iter_rules()]
    native = [(rule, methods) for rule, methods in rules if not rule.startswith(DIALECTS)]
    return {(method, rule) for rule, methods in native for method in methods - NOT_OURS}


def target(rule: str, session_id: str = "0" * 32) -> str:
    """The URL of a rule: about hawk, where it is about an account."""
    filled = rule.replace("<account:account_id>", "2").replace("<session:session_id>", session_id)
    return filled.replace("<path:path>", "swagger-ui.css").replace("<serial:serial>", "1")


def test_every_route_has_its_row(api: NativeApi) -> None:
    assert routes(api.app) == MATRIX.keys()


@pytest.mark.parametrize(("method", "rule"), MATRIX, ids=lambda part: part)
def test_a_route_accepts_the_callers_of_its_row(
    client: FlaskClient, method: str, rule: str
) -> None:
    row = MATRIX[method, rule]
    user, admin = (token_of(client, *who) for who in (HAWK, ADMIN))
    path = target(rule, session_id=session_of(admin))

    def status(headers: dict[str, str]) -> int:
        answer: TestResponse = client.open(path, method=method, headers=headers, json=row.body)
        return answer.status_code

    assert status({}) == row.anonymous
    assert status(bearer(user)) == row.user
    assert status(bearer(admin)) == row.admin


@pytest.mark.parametrize(
    ("method", "rule"), [key for key, row in MATRIX.items() if row.anonymous == 401]
)
def test_a_closed_route_is_closed_before_it_reads_anything(
    api: NativeApi, method: str, rule: str
) -> None:
    for headers in ({}, basic("hawk", "wrong"), bearer("idt_wrong"), {"Authorization": "Basic"}):
        answer = api.client.open(
            target(rule), method=method, headers=headers, data=b"{", content_type="text/plain"
        )
        assert (answer.status_code, answer.text) == (401, "Unauthorized Access")


@pytest.mark.parametrize("rule", sorted({rule for method, rule in MATRIX if method == "GET"}))
@pytest.mark.parametrize(
    "who", [None, HAWK, ADMIN, "wrong"], ids=["anonymous", "user", "admin", "wrong"]
)
def test_head_decides_as_get_and_says_nothing(api: NativeApi, rule: str, who: Any) -> None:
    headers = bearer("idt_wrong") if who == "wrong" else api.as_user(who) if who else {}
    get, head = (
        api.client.open(target(rule), method=method, headers=headers) for method in ("GET", "HEAD")
    )
    assert head.status_code == get.status_code
    assert head.data == b""
    assert head.content_type == get.content_type
    assert head.headers.getlist("WWW-Authenticate") == get.headers.getlist("WWW-Authenticate")
    get.close()


@pytest.mark.parametrize(
    "rule", sorted({rule for _, rule in MATRIX if not rule.startswith(PROXIES_ASK)})
)
def test_a_route_names_its_methods_when_it_is_asked_for_another(api: NativeApi, rule: str) -> None:
    own = {method for method, known in MATRIX if known == rule}
    allowed = own | {"OPTIONS"} | ({"HEAD"} if "GET" in own else set())
    others = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE"} - allowed
    for method in others:
        answer = api.client.open(target(rule), method=method, headers=api.as_user(ADMIN))
        assert answer.status_code == 405, method
        assert set(answer.headers["Allow"].split(", ")) == allowed
    options = api.client.options(target(rule))
    assert (options.status_code, set(options.headers["Allow"].split(", "))) == (200, allowed)


@pytest.mark.parametrize("rule", sorted({rule for _, rule in MATRIX}))
def test_a_slash_more_or_less_never_redirects(api: NativeApi, rule: str) -> None:
    path = target(rule).rstrip("/")
    for method in ("GET", "POST", "OPTIONS"):
        for spelling in (path, f"{path}/", f"{path}//", path.replace("/api/", "/api//")):
            answer = api.client.open(spelling, method=method)
            assert answer.status_code not in range(300, 400)
            assert "Location" not in answer.headers
            answer.close()


@pytest.mark.parametrize(
    "number", ["0", "3", "999", str(2**63 - 1), str(2**63), str(2**64), "9" * 40]
)
def test_an_unknown_id_is_refused_as_documented(api: NativeApi, number: str) -> None:
    api.refuses("GET", f"/api/users/{number}", 400, "not_found")
    who = api.as_user(ADMIN)
    for (method, rule), row in MATRIX.items():
        if rule.startswith("/api/admin/users/<"):
            path = rule.replace("<account:account_id>", number)
            answer = api.client.open(path, method=method, headers=who, json=row.body)
            assert (answer.status_code, answer.json["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    "number",
    ["9" * 41, "01", "-1", "+1", "1.0", "\u0661", "\uff11", "1 ", " 1", "1_0", "one", "me2"],
)
def test_an_id_of_another_spelling_leads_nowhere(api: NativeApi, number: str) -> None:
    api.refuses("GET", f"/api/users/{number}", 404, "not_found")


@pytest.mark.parametrize(
    "session", ["0" * 31, "0" * 33, "G" * 32, "A" * 32, "..", "0" * 31 + "\u0661"]
)
def test_a_session_of_another_spelling_leads_nowhere(api: NativeApi, session: str) -> None:
    api.refuses("DELETE", f"/api/sessions/{session}", 404, "not_found", headers=api.as_user(HAWK))


def test_every_view_says_who_may_call_it(api: NativeApi) -> None:
    views: dict[str, Callable[..., Any]] = api.app.view_functions
    assert views.keys() >= OPEN
    for endpoint, view in views.items():
        access = getattr(view, "identity_access", None)
        assert (access in {"required", "optional", "forward_auth", "relayed"}) != (
            endpoint in OPEN
        ), endpoint


def test_no_view_is_open_by_half_or_to_a_role() -> None:
    package = Path(inspect.getfile(identity)).parent
    calls = [
        (path.name, node)
        for path in package.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call | ast.Attribute)
    ]
    words = {word.arg for _, node in calls if isinstance(node, ast.Call) for word in node.keywords}
    assert not words & {"optional", "role", "roles"}
    doors = {
        name
        for name, node in calls
        if isinstance(node, ast.Attribute) and node.attr == "login_required"
    }
    assert doors == {"verifier.py"}
