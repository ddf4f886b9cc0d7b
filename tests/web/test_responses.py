"""What every response has, and what none has."""

from __future__ import annotations

import io
import itertools
import json
import logging
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from werkzeug.test import TestResponse

from identity.adapters.logs import JsonFormatter
from identity.domain.errors import Busy, RateLimited, Unavailable
from support.accounts import ADMIN, HAWK
from support.app import services
from support.http import basic
from support.native_api import CANARY, NativeApi, require_problem, sent

HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
POLICY = "default-src 'none'; frame-ancestors 'none'"
_numbers = itertools.count()

Ask = Callable[..., TestResponse]


def _failing(error: Exception) -> Ask:
    def ask(
        api: NativeApi, headers: dict[str, str], monkeypatch: pytest.MonkeyPatch
    ) -> TestResponse:
        def fail(*_: object) -> str:
            raise error

        monkeypatch.setattr(services(api.app).public_accounts, "name", fail)
        return api.client.get("/api/users/1", headers=headers)

    return ask


def _asking(method: str, path: str, who: tuple[str, str] | None = None, **request: Any) -> Ask:
    def ask(
        api: NativeApi, headers: dict[str, str], _monkeypatch: pytest.MonkeyPatch
    ) -> TestResponse:
        credential = basic(*who) if who else {}
        return api.client.open(path, method=method, headers=headers | credential, **request)

    return ask


def _registering(
    api: NativeApi, headers: dict[str, str], _monkeypatch: pytest.MonkeyPatch
) -> TestResponse:
    fields = {"username": f"falcon{next(_numbers)}", "password": CANARY}
    return api.client.post("/api/users", json=fields, headers=headers)


TAKEN = {"json": {"username": "Hawk", "password": "newpwd"}}
JSON = {"content_type": "application/json"}
KINDS: dict[str, tuple[int, Ask]] = {
    "alive": (200, _asking("GET", "/healthz")),
    "ready": (200, _asking("GET", "/readyz")),
    "metrics": (200, _asking("GET", "/metrics")),
    "page": (200, _asking("GET", "/docs/")),
    "style of the page": (200, _asking("GET", "/docs/swagger-ui.css")),
    "name": (200, _asking("GET", "/api/users/1")),
    "token": (200, _asking("POST", "/api/token", HAWK)),
    "resource": (200, _asking("GET", "/api/resource", HAWK)),
    "head": (200, _asking("HEAD", "/api/resource", HAWK)),
    "options": (200, _asking("OPTIONS", "/api/resource")),
    "created": (201, _registering),
    "nothing": (204, _asking("DELETE", "/api/sessions", HAWK)),
    "taken name": (400, _asking("POST", "/api/users", None, **TAKEN)),
    "unknown id": (400, _asking("GET", "/api/users/999")),
    "bad body": (400, _asking("POST", "/api/users", None, **JSON, data=b"{")),
    "bad host": (400, _asking("GET", "/healthz", None, environ_overrides={"HTTP_HOST": "a b"})),
    "no credential": (401, _asking("GET", "/api/resource")),
    "wrong credential": (401, _asking("GET", "/api/users/1", ("hawk", "wrong"))),
    "head without a credential": (401, _asking("HEAD", "/api/resource")),
    "not an administrator": (403, _asking("GET", "/api/admin/users", HAWK)),
    "no such path": (404, _asking("GET", "/nowhere")),
    "no such user": (404, _asking("GET", "/api/admin/users/999", ADMIN)),
    "no such page": (404, _asking("GET", "/docs/nowhere")),
    "no such method": (405, _asking("PUT", "/api/resource")),
    "conflict": (409, _asking("POST", "/api/admin/users", ADMIN, **TAKEN)),
    "no length": (411, _asking("POST", "/api/users", None, **JSON)),
    "too long": (413, _asking("POST", "/api/users", None, **JSON, data=b" " * 70_000)),
    "wrong type": (
        415,
        _asking("POST", "/api/users", None, data=b"<a/>", content_type="application/xml"),
    ),
    "locked": (429, _failing(RateLimited(timedelta(seconds=30)))),
    "our mistake": (500, _failing(RuntimeError(CANARY))),
    "busy": (503, _failing(Busy(timedelta(seconds=1)))),
    "unavailable": (503, _failing(Unavailable(timedelta(seconds=2)))),
}


@pytest.mark.parametrize(("status", "ask"), KINDS.values(), ids=KINDS)
@pytest.mark.parametrize(
    "cookie", [{}, {"Cookie": f"session={CANARY}; remember_token=1|x; a=b"}], ids=["", "cookie"]
)
def test_an_answer_has_the_headers_of_an_api_and_no_cookie(
    api: NativeApi, monkeypatch: pytest.MonkeyPatch, status: int, ask: Ask, cookie: dict[str, str]
) -> None:
    answer = ask(api, {"X-Request-ID": "the-id"} | cookie, monkeypatch)
    assert answer.status_code == status
    for name, value in HEADERS.items():
        assert answer.headers.getlist(name) == [value]
    assert answer.headers.getlist("X-Request-ID") == ["the-id"]
    (policy,) = answer.headers.getlist("Content-Security-Policy")
    if not answer.request.path.startswith("/docs/"):
        assert policy == POLICY
        assert not {"Server", "X-Powered-By", "Access-Control-Allow-Origin", "Vary"} & set(
            answer.headers.keys()
        )
    assert policy.startswith("default-src 'none'; ")
    assert "Set-Cookie" not in answer.headers
    assert CANARY not in answer.text + str(answer.headers)


@pytest.mark.parametrize(("status", "ask"), KINDS.values(), ids=KINDS)
def test_a_refusal_is_a_problem_unless_the_document_says_otherwise(
    api: NativeApi, monkeypatch: pytest.MonkeyPatch, status: int, ask: Ask
) -> None:
    answer = ask(api, {}, monkeypatch)
    if status < 400:
        assert answer.content_type != "application/problem+json"
        assert (status == 204) == ("Content-Type" not in answer.headers)
    elif status == 401:
        assert answer.content_type == "text/html; charset=utf-8"
        assert answer.text == ("" if answer.request.method == "HEAD" else "Unauthorized Access")
    elif answer.content_type == "application/json":
        assert (status, answer.json) == (400, {"status": "Username Hawk already exists"})
    else:
        require_problem(answer, status, answer.json["code"])
        assert answer.json["type"] == "about:blank"
        assert answer.text.endswith("}\n")
    assert ("Retry-After" in answer.headers) == (status in {429, 503})
    assert ("Allow" in answer.headers) == (status == 405 or answer.request.method == "OPTIONS")
    assert ("WWW-Authenticate" in answer.headers) == (status == 401)


@pytest.mark.parametrize(
    "given", ["a", "0", "req-1.2_3", "A" * 64, "0af7651916cd43dd8448eb211c80319c"]
)
def test_a_request_id_is_kept_when_it_is_a_plain_word(api: NativeApi, given: str) -> None:
    answer = api.client.get("/nowhere", headers={"X-Request-ID": given})
    assert answer.headers.getlist("X-Request-ID") == [answer.json["request_id"]] == [given]


HOSTILE_IDS = [
    "",
    " ",
    "A" * 65,
    "a b",
    "a\tb",
    "a,b",
    "a;b",
    "a/b",
    "a\x7f",
    "\xe9",
    "<script>",
    '"',
    "\x1b[31m",
    "a\x0b",
]


@pytest.mark.parametrize("given", HOSTILE_IDS)
def test_a_request_id_is_replaced_when_it_is_anything_else(api: NativeApi, given: str) -> None:
    ids = {
        api.client.get("/healthz", headers={"X-Request-ID": given}).headers["X-Request-ID"]
        for _ in range(3)
    }
    assert len(ids) == 3
    assert all(len(each) == 16 and set(each) <= set("0123456789abcdef") for each in ids)


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What the service logs during a test."""
    stream, logger = io.StringIO(), logging.getLogger("identity")
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    logger.addHandler(handler)
    yield stream
    logger.removeHandler(handler)


def test_an_unexpected_error_is_logged_with_its_place_and_not_shown(
    api: NativeApi, monkeypatch: pytest.MonkeyPatch, log: io.StringIO
) -> None:
    def broken(secret: str = CANARY) -> None:
        raise RuntimeError(f"{secret} {ADMIN[1]}")

    monkeypatch.setitem(api.app.view_functions, "tokens.resource", broken)
    answer = api.client.get(
        "/api/resource", headers=basic("hawk", CANARY) | {"X-Request-ID": "broken-1"}
    )
    require_problem(answer, 500, "internal_error")
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    mistakes = [line for line in lines if "exception" in line]
    assert [(line["exception"], line["level"]) for line in mistakes] == [("RuntimeError", "error")]
    assert mistakes[0]["where"][-1].endswith(" broken")
    assert [line["status"] for line in lines if line.get("request_id") == "broken-1"] == [500]
    for secret in (CANARY, ADMIN[1], basic("hawk", CANARY)["Authorization"].removeprefix("Basic ")):
        assert secret not in log.getvalue()


@pytest.mark.parametrize("body", [b'{"username":"%s","password":"%s"}', b'{"%s":"%s"}x', b"[%s%s"])
def test_a_refusal_leaves_no_secret_in_the_log(
    api: NativeApi, log: io.StringIO, body: bytes
) -> None:
    filled = body % ((f"{CANARY}:".encode(),) * 2)
    for who in (
        {},
        basic("hawk", CANARY),
        basic(CANARY),
        {"Authorization": f"Bearer idt_{CANARY}"},
    ):
        api.client.post(f"/api/users?x={CANARY}", headers=who, **sent(filled))
        api.client.get(f"/{CANARY}/x", headers=who)
    assert log.getvalue().count("\n") >= 8
    assert CANARY not in log.getvalue()


def test_a_lock_says_when_to_come_back(make_api: Callable[..., NativeApi]) -> None:
    api = make_api(lockout_failures="2", lockout_seconds="60")
    tries = [api.client.get("/api/resource", headers=basic("hawk", "wrong")) for _ in range(3)]
    assert [answer.status_code for answer in tries] == [401, 401, 429]
    require_problem(tries[2], 429, "too_many_attempts")
    api.clock.advance(seconds=int(tries[2].headers["Retry-After"]))
    assert api.client.get("/api/resource", headers=basic(*HAWK)).status_code == 200


def test_a_full_queue_says_when_to_come_back(make_api: Callable[..., NativeApi]) -> None:
    api = make_api(hash_queue="1")
    fields = {"username": "falcon", "password": CANARY}
    with services(api.app).authentication._passwords.admit(), api.unchanged():
        for answer in (
            api.client.get("/api/resource", headers=basic(*HAWK)),
            api.client.post("/api/users", json=fields),
        ):
            require_problem(answer, 503, "busy")
            assert 1 <= int(answer.headers["Retry-After"]) <= 5
    assert api.client.get("/api/resource", headers=basic(*HAWK)).status_code == 200
