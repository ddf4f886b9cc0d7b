"""The native 401: exactly the documented page; a problem if JSON is asked for and HTML is not."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.datastructures import Headers
from werkzeug.test import EnvironBuilder, TestResponse, run_wsgi_app

from identity.web.middleware.middleware import Middleware
from identity.web.problems import CHALLENGES
from identity.web.requests.accept import wants_json
from support.accounts import HAWK
from support.http import basic
from support.native_api import NativeApi, require_problem

JSON = [
    "application/json",
    "Application/JSON",
    "application/problem+json",
    "application/json, text/plain, */*",  # axios
    "application/json, */*;q=0.5",
    "application/vnd.github+json",
    "application/*",
    "text/json;q=0.1",
    "application/json, text/html;q=0",
    "text/plain, application/json;q=0.9",
]
PAGE = [
    "",
    "*/*",
    "text/html",
    "text/html, application/json",
    "application/json, text/html;q=0.1",
    "application/json, text/*",
    "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",  # browsers
    "application/json;q=0",
    "text/plain",
    "json",
    "application/jsonp",
    "application/json;q=x",
    ",;=",
]
NATIVE_ID = {"account_id": 1, "session_id": "0" * 32, "serial": 1}


@pytest.mark.parametrize("header", JSON)
def test_json_is_wanted_where_it_is_named_and_html_is_not(header: str) -> None:
    assert wants_json(header)


@pytest.mark.parametrize("header", PAGE)
def test_json_is_not_wanted_elsewhere(header: str) -> None:
    assert not wants_json(header)


def guarded(app: Flask) -> list[tuple[str, str]]:
    """Return every native call that asks for a credential, by method and path."""
    found = []
    for rule in app.url_map.iter_rules():
        access = getattr(app.view_functions[rule.endpoint], "identity_access", "public")
        if access in {"required", "forward_auth"} and not rule.rule.startswith(
            tuple(_prefixes(app))
        ):
            found += [
                (method, _path(rule.rule))
                for method in (rule.methods or set()) - {"OPTIONS", "HEAD"}
            ]
    return found


def _prefixes(app: Flask) -> list[str]:
    return [f"{prefix}/" for prefix in app.extensions["identity"].dialects.values()]


def _path(rule: str) -> str:
    parts = rule.replace(">", "<").split("<")
    return "".join(
        str(NATIVE_ID.get(part.rpartition(":")[2], "x")) if place % 2 else part
        for place, part in enumerate(parts)
    )


def to_the_letter(answer: TestResponse) -> None:
    assert (answer.status_code, answer.data) == (401, b"Unauthorized Access")
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers.getlist("WWW-Authenticate") == list(CHALLENGES)


def test_every_native_call_refuses_in_the_form_that_is_asked_for(api: NativeApi) -> None:
    calls = guarded(api.app)
    assert len(calls) > 20
    for method, path in calls:
        for headers in ({}, basic("idt_wrong"), basic("hawk", "nhu_wrong")):
            to_the_letter(api.client.open(path, method=method, headers=headers))
            answer = api.client.open(
                path, method=method, headers={"Accept": "application/json", **headers}
            )
            require_problem(answer, 401, "authentication_failed")
            assert answer.headers.getlist("WWW-Authenticate") == list(CHALLENGES)


def test_a_valid_credential_is_answered_alike_for_every_request(client: FlaskClient) -> None:
    for header in JSON + PAGE:
        answer = client.get("/api/resource", headers={"Accept": header, **basic(*HAWK)})
        assert answer.json == {"data": "Hello, hawk!"}


@pytest.mark.parametrize("header", JSON[:3] + PAGE[:3])
def test_both_paths_refuse_a_locked_name_in_the_form_that_is_asked_for(
    app: Flask, header: str
) -> None:
    environ = EnvironBuilder(
        "/api/verify", headers=Headers({"Accept": header, "X-Request-ID": "given"})
    ).get_environ()
    environ |= {
        "HTTP_HOST": "localhost",
        "HTTP_AUTHORIZATION": basic("nobody", "x")["Authorization"],
    }
    flask_alone = Middleware(
        app.wsgi_app._application,  # type: ignore[attr-defined]
        app.extensions["identity"],
        app.wsgi_app._dialects,  # type: ignore[attr-defined]
    )
    for _ in range(51):
        run_wsgi_app(flask_alone, dict(environ), buffered=True)
    fast, flask = (
        run_wsgi_app(each, dict(environ), buffered=True) for each in (app.wsgi_app, flask_alone)
    )
    assert (b"".join(fast[0]), fast[1], list(fast[2])) == (
        b"".join(flask[0]),
        flask[1],
        list(flask[2]),
    )
    assert fast[1] == "401 UNAUTHORIZED"
    assert "Retry-After" in fast[2]
    assert (b"authentication_failed" in b"".join(flask[0])) == wants_json(header)
