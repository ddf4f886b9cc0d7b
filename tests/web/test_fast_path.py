"""The fast path answers exactly as Flask would."""

from __future__ import annotations

import base64
import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from werkzeug.datastructures import Headers
from werkzeug.test import EnvironBuilder, run_wsgi_app

from identity.domain.errors import Unavailable
from identity.domain.principal import operator
from identity.domain.token_kinds import TokenKind
from identity.services.accounts.registration import NewAccount
from identity.services.sessions.directory import SessionDirectory
from identity.services.sessions.journal import Journal
from identity.web.middleware import middleware as guard
from identity.web.middleware.middleware import Middleware
from support.accounts import ADMIN, HAWK
from support.app import ORIGIN, principal, services
from support.clock import ManualClock
from support.database import statements
from support.hashing import full_queue
from support.http import basic
from support.waiting import wait_until

Header = dict[str, str]
Lane = Callable[[Any], tuple[str, list[tuple[str, str]], bytes]]

HOSTS = [
    "localhost",
    "Localhost:5000",
    "127.0.0.1:80",
    "[::1]:5000",
    "a b",
    "",
    "wekan.example.org",
    "x" * 300,
    "é.org",
]
QUERIES = ["", "x=1", "access_token=idt_x", "password=x", "%00"]
QUICK = ["/api/verify", "/api/resource", "/api/token"]
PATHS = [
    *QUICK[1:],
    "/api/verify",
    "/api/verify/",
    "//api/verify",
    "/api//verify",
    "/wekan/api/verify",
    "/API/verify",
    "/api/verify;x",
]
METHODS = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "get", "FOO"]


def encoded(text: bytes) -> str:
    return base64.b64encode(text).decode()


@pytest.fixture
def tokens(app: Flask, clock: ManualClock) -> dict[str, str]:
    """One good token of every kind, and tokens that were good once."""
    hawk, use = principal(app, *HAWK), services(app)
    use.accounts.create(operator(), NewAccount("gone", "newpwd"), admin=False)
    kinds = [kind for kind in TokenKind if kind is not TokenKind.ACCESS]
    ended = use.tokens.issue(principal(app, "gone", "newpwd")).token
    use.administration.disable(operator(), 3)
    stale = use.tokens.issue(hawk).token
    clock.advance(seconds=601)
    revoked = use.tokens.issue(hawk).token
    use.tokens.revoke_current(use.authentication.by_token(revoked, ORIGIN))
    good = {kind.value: use.logins.open(hawk, kind).token for kind in kinds}
    admin = use.tokens.issue(principal(app, *ADMIN)).token
    return (
        good
        | {"access": use.tokens.issue(hawk).token, "admin": admin}
        | {
            "disabled": ended,
            "expired": stale,
            "revoked": revoked,
            "never issued": "idt_" + "0" * 32 + ".00000000.ffffffff." + "A" * 43,
        }
    )


def carriers(tokens: dict[str, str]) -> Iterator[str | None]:
    """Every way in which a credential, or something like one, may stand in the Authorization
    header."""
    yield from (
        None,
        "",
        "Basic",
        "Bearer",
        "Basic ",
        "Bearer  ",
        "Digest x",
        "\x00",
        "Basic \xe9",
        "Basic " + "A" * 9000,
    )
    for name, password in (
        HAWK,
        ("hawk", "wrong"),
        ("nobody", "x"),
        ("", "x"),
        ("hawk", ""),
        ("hawk\n", "newpwd"),
    ):
        yield basic(name, password)["Authorization"]
    for token in tokens.values():
        yield from (
            f"Bearer {token}",
            f"bEARER   {token}",
            f"Token {token}",
            f"Bearer {token}=",
            f"Bearer {token}x",
        )
        yield from (
            f"Bearer {token},Bearer {token}",
            f"Bearer {token} x",
            f"Bearer\t{token}",
            f"Foo {token}",
            token,
        )
        for pair in (
            f"{token}:",
            f"{token}:x",
            f"{token}:a:b",
            f"x:{token}",
            token,
            f"{token} :x",
            f"{token.upper()}:x",
        ):
            yield f"Basic {encoded(pair.encode())}"
        yield from (
            f"basic {encoded(f'{token}:x'.encode())}",
            f"Basic {encoded(f'{token}:x'.encode())} ",
            f"Bearer {token[:-1]}",
        )
        yield f"Bearer {encoded(f'{token}:x'.encode())}"


@pytest.fixture
def lanes(app: Flask) -> tuple[Lane, Lane]:
    """The service as it is, and the same with Flask alone."""
    flask_alone = Middleware(
        app.wsgi_app._application,  # type: ignore[attr-defined]
        app.extensions["identity"],
        app.wsgi_app._dialects,  # type: ignore[attr-defined]
    )
    return _answering(app.wsgi_app), _answering(flask_alone)


def _answering(application: Any) -> Lane:
    def ask(environ: Any) -> tuple[str, list[tuple[str, str]], bytes]:
        body, status, headers = run_wsgi_app(application, dict(environ), buffered=True)
        return status, list(headers), b"".join(body)

    return ask


def asked(
    header: str | None,
    *,
    path: str = "/api/verify",
    method: str = "GET",
    query: str = "",
    host: str = "localhost",
) -> Any:
    builder = EnvironBuilder(path="/", method=method, headers=Headers({"X-Request-ID": "given"}))
    environ = builder.get_environ() | {
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "HTTP_HOST": host,
        "REMOTE_ADDR": "192.0.2.7",
    }
    return environ if header is None else environ | {"HTTP_AUTHORIZATION": header}


def test_both_paths_answer_alike_for_every_request(
    lanes: tuple[Lane, Lane], tokens: dict[str, str]
) -> None:
    # A password opens a session, each time another: for the call that does so, nothing but tokens
    # is the same twice.
    passwords = {
        None,
        *(header for header in carriers({}) if header and header.startswith("Basic ")),
    }
    corpus = [asked(header) for header in carriers(tokens)]
    for path in QUICK[1:]:
        corpus += [
            asked(header, path=path) for header in carriers(tokens) if header not in passwords
        ]
    some = [
        None,
        f"Bearer {tokens['access']}",
        basic(tokens["jwt"])["Authorization"],
        f"Bearer {tokens['revoked']}",
    ]
    for header, method, query in itertools.product(some, METHODS, QUERIES):
        corpus.append(asked(header, method=method, query=query))
    for header, path, host in itertools.product(some, PATHS, HOSTS):
        corpus.append(asked(header, path=path, host=host))
    assert len(corpus) > 1000
    fast, flask = lanes
    for environ in corpus:
        said = [
            environ.get(name)
            for name in (
                "REQUEST_METHOD",
                "PATH_INFO",
                "QUERY_STRING",
                "HTTP_HOST",
                "HTTP_AUTHORIZATION",
            )
        ]
        answer = fast(environ)
        assert answer == flask(environ), said
        if answer[0].startswith("2"):
            assert answer == fast(environ), said  # now it may know the header


def expected(path: str, *, name: str, number: str, admin: str) -> tuple[str, dict[str, str], str]:
    if path == "/api/verify":
        return (
            "204 NO CONTENT",
            {"X-Identity-User": name, "X-Identity-Id": number, "X-Identity-Admin": admin},
            "",
        )
    body = f"Hello, {name}!" if path == "/api/resource" else '"duration":600,"token":"idt_'
    return "200 OK", {"Content-Type": "application/json"}, body


@pytest.mark.parametrize("path", QUICK)
def test_a_valid_token_of_every_kind_is_answered_before_flask(
    app: Flask, tokens: dict[str, str], path: str
) -> None:
    app.wsgi_app._application = None  # type: ignore[attr-defined]  # a request that reaches Flask fails
    ask = _answering(app.wsgi_app)
    for kind in (*(kind.value for kind in TokenKind), "admin"):
        name, number, admin = ("admin", "1", "true") if kind == "admin" else ("hawk", "2", "false")
        wanted, said, part = expected(path, name=name, number=number, admin=admin)
        for header in (f"Bearer {tokens[kind]}", basic(tokens[kind])["Authorization"]):
            status, headers, body = ask(asked(header, path=path))
            assert status == wanted
            assert said.items() <= dict(headers).items()
            assert part in body.decode()


def test_a_header_is_refused_as_soon_as_its_session_is_revoked(
    app: Flask, tokens: dict[str, str]
) -> None:
    ask = _answering(app.wsgi_app)
    header = basic(tokens["access"])["Authorization"]
    assert [ask(asked(header))[0][:3] for _ in range(2)] == ["204", "204"]
    services(app).tokens.revoke_current(
        services(app).authentication.by_token(tokens["access"], ORIGIN)
    )
    assert ask(asked(header))[0][:3] == "401"


def test_a_proxy_that_forwards_all_is_answered_yes_or_no(
    lanes: tuple[Lane, Lane], tokens: dict[str, str]
) -> None:
    for header in carriers(tokens):
        for ask in lanes:
            status, headers, _ = ask(asked(header))
            assert status[:3] in {"204", "401"}
            assert ("WWW-Authenticate" in dict(headers)) == (status[:3] == "401")


def test_a_long_header_is_answered_and_not_remembered(app: Flask, tokens: dict[str, str]) -> None:
    app.wsgi_app._application = None  # type: ignore[attr-defined]  # a request that reaches Flask fails
    ask, known = _answering(app.wsgi_app), app.wsgi_app._fast_path._headers._values  # type: ignore[attr-defined]
    for pair in (f"{tokens['access']}:{'x' * 9000}", f"{'x' * 9000}:{tokens['access']}"):
        assert ask(asked(f"Basic {encoded(pair.encode())}"))[0][:3] == "204"
    assert known == {}
    for kind in TokenKind:  # every token of ours is short enough
        assert (
            ask(asked(basic("x-access-token", tokens[kind.value])["Authorization"]))[0][:3] == "204"
        )
    assert len(known) == len(TokenKind)


@pytest.mark.parametrize("name", ["hawk", "nobody"])
def test_a_locked_name_is_refused_again_before_flask_begins_as_flask_would(
    app: Flask, lanes: tuple[Lane, Lane], name: str
) -> None:
    wait_until(services(app).journal.is_current)  # before that a refusal is looked up each time
    fast, flask = lanes
    header = basic(name, "wrong")["Authorization"]
    locked = {"/api/verify": "401", "/api/resource": "429", "/api/token": "429"}
    for _ in range(51):
        flask(asked(header))
    answers = {path: flask(asked(header, path=path)) for path in locked}
    app.wsgi_app._application = None  # type: ignore[attr-defined]  # a request that reaches Flask fails
    for path, status in locked.items():
        answer = fast(asked(header, path=path))
        assert answer == answers[path]
        assert answer[0][:3] == status
        assert dict(answer[1])["Retry-After"] == "900"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_proxy_receives_retry_after_for_a_lock_only(
    lanes: tuple[Lane, Lane], clock: ManualClock, method: str
) -> None:
    header = basic("hawk", "wrong")["Authorization"]
    for ask in lanes:
        clock.advance(seconds=3600)
        answers = [ask(asked(header, method=method)) for _ in range(51)]
        assert ["Retry-After" in dict(headers) for _, headers, _ in answers] == [False] * 50 + [
            True
        ]
        for passed, left in ((0, 900), (1, 899), (898, 1)):
            clock.advance(seconds=passed)
            status, headers, _ = ask(asked(basic(*HAWK)["Authorization"], method=method))
            assert (status[:3], dict(headers)["Retry-After"]) == ("401", str(left))
        clock.advance(seconds=1)
        assert ask(asked(basic(*HAWK)["Authorization"], method=method))[0][:3] == "204"


def test_a_lock_that_is_lifted_is_lifted_before_flask_begins(
    app: Flask, lanes: tuple[Lane, Lane]
) -> None:
    wait_until(services(app).journal.is_current)
    fast, header = lanes[0], basic("hawk", "wrong")["Authorization"]
    seen = [fast(asked(header, path="/api/resource"))[0][:3] for _ in range(52)]
    assert seen == ["401"] * 50 + ["429"] * 2
    services(app).administration.unlock(operator(), 2)
    assert fast(asked(basic(*HAWK)["Authorization"], path="/api/resource"))[0][:3] == "200"


def test_a_full_queue_is_reported_before_flask_as_by_flask(
    app: Flask, lanes: tuple[Lane, Lane]
) -> None:
    wait_until(services(app).journal.is_current)
    passwords = services(app).authentication._passwords
    fast, flask = lanes
    header = basic(*HAWK)["Authorization"]
    with full_queue(passwords):
        answers = {path: flask(asked(header, path=path)) for path in QUICK}
        with statements(app) as seen:
            assert {path: fast(asked(header, path=path)) for path in QUICK} == answers
        assert {answer[0][:3] for answer in answers.values()} == {"503"}
        assert seen == []
    assert fast(asked(header, path="/api/resource"))[0][:3] == "200"


def test_a_repeated_refusal_by_flask_waits_in_a_few_threads(
    app: Flask, lanes: tuple[Lane, Lane], monkeypatch: pytest.MonkeyPatch
) -> None:
    wait_until(services(app).journal.is_current)
    pauses: list[float] = []
    monkeypatch.setattr(
        guard, "time", SimpleNamespace(perf_counter=time.perf_counter, sleep=pauses.append)
    )
    fast, header = lanes[0], basic("nobody", "wrong")["Authorization"]
    seen = [fast(asked(header, path="/api/users/me"))[0][:3] for _ in range(55)]
    assert (seen, pauses) == (["401"] * 50 + ["429"] * 5, [0.005] * 4)
    for path in QUICK:
        fast(asked(header, path=path))
    assert len(pauses) == 4
    with ExitStack() as threads:
        while app.wsgi_app._pauses.acquire(blocking=False):  # type: ignore[attr-defined]
            threads.callback(app.wsgi_app._pauses.release)  # type: ignore[attr-defined]
        assert fast(asked(header, path="/api/users/me"))[0][:3] == "429"
    assert len(pauses) == 4


@pytest.mark.parametrize("path", QUICK)
def test_a_database_that_does_not_answer_is_waited_for_once(
    app: Flask,
    lanes: tuple[Lane, Lane],
    monkeypatch: pytest.MonkeyPatch,
    tokens: dict[str, str],
    path: str,
) -> None:
    asked_for: list[object] = []

    def silent(_self: object, key: object) -> None:
        asked_for.append(key)
        raise Unavailable(timedelta(seconds=2))

    monkeypatch.setattr(SessionDirectory, "find", silent)
    monkeypatch.setattr(Journal, "confirms", lambda _self, _claims: False)
    header = basic(tokens["access"])["Authorization"]
    answers = [ask(asked(header, path=path)) for ask in lanes]
    assert answers[0] == answers[1]
    assert answers[0][0][:3] == "503"
    assert len(asked_for) == 2  # once by each lane
