"""Log lines are one JSON object each, whatever a caller sends, and have the request id of the
answer."""

from __future__ import annotations

import base64
import http.client
import json
import logging
import re
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from identity.adapters.logs import JsonFormatter
from identity.web.middleware.middleware import Middleware
from identity.web.requests.body_reads import BodyRead, BodyReads
from support.app import services
from support.http import basic
from support.live import Live, serving
from support.waiting import wait_until

FORGED = 'bob\n{"level": "info", "message": "forged"}\r\n2026 INFO login ok for admin'
# One of every form, and a password.
TOKENS = [
    "idt_" + "0" * 32 + ".00000000.ffffffff." + "A" * 43,
    "nhu_" + "Z" * 36,
    "Q" * 43,
    "5f0e8a2c-7a55-4a1e-9d3f-1c2b3a4d5e6f",
    "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ4In0." + "S" * 86,
    "c4n4ry-pa55word",
]
ANSI = "\x1b[31mred\x1b[0m"


@pytest.fixture(scope="module")
def talkative(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A service that logs every request."""
    with serving(tmp_path_factory.mktemp("logs"), log_requests="all") as live:
        yield live


def lines(live: Live) -> list[dict[str, Any]]:
    """Return all that was logged after the greeting; every line must be one JSON object."""
    _, greeting, logged = live.output().partition("Press Ctrl-C to stop.\n")
    assert greeting
    return [json.loads(line) for line in logged.splitlines()]


def send(
    live: Live, method: str, target: str, body: str | None = None, **headers: str | bytes
) -> str:
    """Send a request that curl would tidy up, and return the id that the answer gives it."""
    connection = http.client.HTTPConnection(live.base.removeprefix("http://"), timeout=60)
    connection.putrequest(method, target, skip_accept_encoding=True)
    raw = (body or "").encode()
    for name, value in (headers | {"Content-Length": str(len(raw))}).items():
        connection.putheader(name.replace("_", "-"), value)
    connection.endheaders(raw)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    request_id = answer.getheader("X-Request-ID")
    assert request_id
    return request_id


def encoded(pair: str) -> str:
    return "Basic " + base64.b64encode(pair.encode("utf-8", "surrogateescape")).decode()


@pytest.mark.parametrize(
    ("method", "target", "body", "headers"),
    [
        ("GET", "/api/resource", None, {"Authorization": encoded(f"{FORGED}:x")}),
        ("GET", "/api/resource", None, {"Authorization": encoded(f"{ANSI}:x")}),
        ("GET", "/api/resource", None, {"Authorization": encoded("\u2028bob\u2029\u0085:x")}),
        (
            "POST",
            "/api/users",
            json.dumps({"username": FORGED, "password": "x"}),
            {"Content_Type": "application/json"},
        ),
        ("POST", "/api/users", json.dumps({FORGED: ANSI}), {"Content_Type": "application/json"}),
        ("GET", "/api/users/%0A%7B%22forged%22%3A1%7D%0D%0A", None, {}),
        ("GET", f"/api/users/{'7' * 2000}", None, {}),
        ("GET", "/docs/%0Aforged%1B%5B31m%E2%80%A8", None, {}),
        (
            "GET",
            "/healthz?%0Aforged",
            None,
            {"User_Agent": "\x9b31m", "X_Request_ID": "forged with spaces"},
        ),
        ("GET", "/healthz", None, {"X_Request_ID": "a" * 65, "X_Forwarded_For": "forged"}),
        ("GET", "/healthz", None, {"X_Request_ID": b"\xff\xfe", "Referer": b"\xff\xc2\x85"}),
    ],
)
def test_a_hostile_request_leaves_one_line_of_plain_json(
    talkative: Live, method: str, target: str, body: str | None, headers: dict[str, str | bytes]
) -> None:
    request_id = send(talkative, method, target, body, **headers)
    logged = lines(talkative)
    (line,) = [
        line
        for line in logged
        if line.get("request_id") == request_id and line["logger"] != "identity.audit"
    ]
    assert line.keys() == {
        *("at", "level", "logger", "message"),
        *("request_id", "dialect", "method", "path", "status", "milliseconds", "ip"),
    }
    assert (line["method"], line["ip"]) == (method, "127.0.0.1")
    assert line["path"] == "(none)" or not {"7", "forged"} & set(re.split(r"\W", line["path"]))
    assert all(character.isprintable() for character in talkative.output() if character != "\n")
    assert [line for line in logged if line["message"] == "forged"] == []


def test_a_huge_failing_login_leaves_a_short_line(talkative: Live) -> None:
    request_id = send(talkative, "GET", "/api/resource", Authorization=encoded(f"{'b' * 10_000}:x"))
    both = {
        line["logger"]: line for line in lines(talkative) if line.get("request_id") == request_id
    }
    assert both.keys() == {"identity.requests", "identity.audit"}
    assert both["identity.requests"]["status"] == 401
    assert all(len(json.dumps(line)) < 1000 for line in both.values())


def test_the_request_id_of_the_answer_is_found_in_the_log(talkative: Live) -> None:
    given = talkative.curl(
        "/api/resource", "-u", "admin:wrong", "-H", "X-Request-ID: job-42.retry_1"
    )
    assert given.header("X-Request-ID") == "job-42.retry_1"
    own = talkative.curl("/api/users", "-d", "username=hawk&password=newpwd")
    wrong = talkative.curl("/api/users/x")
    found = {
        line["request_id"]: line
        for line in lines(talkative)
        if line["logger"] == "identity.requests"
    }
    assert (found["job-42.retry_1"]["path"], found["job-42.retry_1"]["status"]) == (
        "/api/resource",
        401,
    )
    assert found[str(own.header("X-Request-ID"))]["status"] == 201
    assert found[wrong.header("X-Request-ID") or ""]["status"] == 404
    problem = talkative.curl("/api/users/x", "-H", "X-Request-ID: given")
    assert problem.json()["request_id"] == problem.header("X-Request-ID") == "given"


@pytest.fixture
def logged() -> Iterator[list[dict[str, Any]]]:
    """Everything the package logs in this process, as it would be written."""
    seen: list[dict[str, Any]] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append(json.loads(JsonFormatter().format(record)))

    handler = Keep()
    logging.getLogger("identity").addHandler(handler)
    yield seen
    logging.getLogger("identity").removeHandler(handler)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("all", [("GET", 200), ("GET", 401), ("POST", 201), ("GET", 404)]),
        ("changes", [("GET", 401), ("POST", 201), ("GET", 404)]),
        ("none", []),
    ],
)
def test_requests_are_logged_as_the_setting_says(
    make_app: Callable[..., Flask],
    logged: list[dict[str, Any]],
    mode: str,
    expected: list[tuple[str, int]],
) -> None:
    client = make_app(log_requests=mode).test_client()
    client.get("/healthz")
    client.get("/api/resource")
    client.post("/api/users", json={"username": "hawk", "password": "newpwd"})
    client.get("/nothing")
    assert [
        (line["method"], line["status"]) for line in logged if line["logger"] == "identity.requests"
    ] == expected


@pytest.mark.parametrize(("mode", "expected"), [("changes", 3 + 1), ("none", 3), ("all", 10)])
def test_one_in_so_many_of_the_other_requests_is_logged_where_that_is_wanted(
    make_app: Callable[..., Flask], logged: list[dict[str, Any]], mode: str, expected: int
) -> None:
    client = make_app(log_requests=mode, log_sample="3").test_client()
    for _ in range(9):
        client.get("/healthz")
    client.get("/api/resource")
    assert sum(line["logger"] == "identity.requests" for line in logged) == expected


@pytest.mark.parametrize(("mode", "again"), [("changes", 0), ("all", 3)])
def test_a_repeated_refusal_is_logged_only_where_all_requests_are(
    make_app: Callable[..., Flask], logged: list[dict[str, Any]], mode: str, again: int
) -> None:
    app = make_app(log_requests=mode, lockout_failures="2")
    wait_until(services(app).journal.is_current)  # before that each refusal is looked up
    client = app.test_client()
    probing: list[Callable[[], TestResponse]] = [
        lambda: client.get("/api/resource", headers=basic("nobody", "wrong")),
        lambda: client.get("/api/users/me", headers=basic("noone", "wrong")),
        lambda: client.post("/wekan/users/login", json={"username": "none", "password": "wrong"}),
    ]
    for ask in probing:
        logged.clear()
        statuses = [ask().status_code for _ in range(6)]
        assert statuses == [401, 401, 429, 429, 429, 429]
        told = [line["status"] for line in logged if line["logger"] == "identity.requests"]
        assert told == statuses[: 3 + again]


def test_bodies_that_are_turned_away_leave_one_line_for_each_caller(
    app: Flask, logged: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    full = BodyReads(lambda *_, **__: None)
    full._reads = {BodyRead(1, "", "", "", 0.0) for _ in range(99)}
    monkeypatch.setitem(app.extensions, "identity.body_reads", full)
    client = app.test_client()
    calls = [("POST", "/api/users"), ("POST", "/wekan/users/login"), ("POST", "/azuma/users")]
    for number in range(300):
        method, path = calls[number % 3]
        peer = {"REMOTE_ADDR": f"192.0.2.{number % 10}"}
        answer = client.open(path, method=method, json={}, environ_overrides=peer)
        assert answer.status_code == 503
    assert sum(line["logger"] == "identity.requests" for line in logged) == 10


def test_no_path_of_any_dialect_is_logged_with_what_stood_in_it(
    make_app: Callable[..., Flask], logged: list[dict[str, Any]]
) -> None:
    app = make_app(log_requests="all")
    client, asked = app.test_client(), set()
    for rule in app.url_map.iter_rules():
        for method in (rule.methods or set()) | {"FROB"}:
            # In the place of each parameter, behind the path, and as one of its segments.
            filled = [
                rule.rule,
                f"{rule.rule}/<x>",
                f"{rule.rule.rstrip('/')}/<x>/x",
                f"/<x>{rule.rule}",
            ]
            for path, token in product((re.sub("<[^>]+>", "{}", each) for each in filled), TOKENS):
                client.open(
                    "/",
                    environ_overrides={
                        "PATH_INFO": path.replace("{}", token),
                        "REQUEST_METHOD": method,
                    },
                )
            asked.add(rule.rule)
    assert len(asked) > 50
    told = [line for line in logged if line["logger"] == "identity.requests"]
    assert {line["path"] for line in told} <= asked | {"(none)"}
    assert {line["path"] for line in told} > {
        rule for rule in asked if "<" in rule and ":" not in rule
    }
    assert not [line for line in logged if any(token in json.dumps(line) for token in TOKENS)]


def test_an_unexpected_error_is_logged_with_its_place_and_without_its_text(
    app: Flask, logged: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        password = "canary-in-a-variable"
        raise RuntimeError(f"canary-in-the-text {password}")

    monkeypatch.setattr("identity.services.accounts.profile.Profiles.fetch", fail)
    answer = app.test_client().get("/api/users/me", headers=basic("hawk", "newpwd"))
    assert (answer.status_code, answer.json["code"]) == (500, "internal_error")
    (line,) = [line for line in logged if line["level"] == "error"]
    assert (line["exception"], line["message"]) == ("RuntimeError", "unexpected error")
    assert any(Path(__file__).name in frame for frame in line["where"])
    assert "canary" not in json.dumps(line) + answer.text


def test_a_mistake_that_flask_lets_through_is_logged_and_answered_too(
    app: Flask, logged: list[dict[str, Any]]
) -> None:
    def fail(*_: object) -> list[bytes]:
        raise UnicodeError("canary")

    app.wsgi_app = Middleware(fail, app.extensions["identity"], app.wsgi_app._dialects)  # type: ignore[method-assign, attr-defined]
    answer = app.test_client().get("/healthz")
    assert (answer.status_code, answer.content_type) == (500, "application/problem+json")
    assert (answer.json["code"], answer.json["request_id"]) == (
        "internal_error",
        answer.headers["X-Request-ID"],
    )
    (line,) = [line for line in logged if line["level"] == "error"]
    assert (line["exception"], line["message"]) == ("UnicodeError", "unexpected error")
    assert "canary" not in json.dumps(line) + answer.text
