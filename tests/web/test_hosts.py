"""Hostile Host headers and paths: every route answers with a clear error."""

from __future__ import annotations

import json
import random
import re
import string
from collections.abc import Callable, Iterator
from itertools import cycle
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask
from werkzeug.test import EnvironBuilder, run_wsgi_app

from identity.web.requests.hosts import is_valid_host, own_base
from support.live import Live
from support.native_api import NativeApi
from support.raw_http import lines, send

LABEL = "a" * 63
SOUND = [
    *(
        "localhost",
        "LOCALHOST",
        "id.example.org",
        "id.example.org.",
        "127.0.0.1",
        "[::1]",
        "[::ffff:192.0.2.1]",
    ),
    *("identity_web", "_web", "web_", "a_b.c_d", "xn--a", "a--b", "1.2.3.4.5", LABEL),
    *(".".join([LABEL] * 3 + ["a" * 61]), ".".join([LABEL] * 3 + ["a" * 61]) + "."),
    *("localhost:1", "localhost:65535", "identity_web:5000", "[::1]:5000", "id.example.org.:8443"),
]
UNSOUND = [
    *(
        "",
        " ",
        ".",
        "..",
        "a..b",
        ".a",
        "a..",
        "..a",
        "a.:",
        "a:",
        ":80",
        ":",
        "a:0",
        "a:00000",
        "a:65536",
    ),
    *(
        "a:99999",
        "a:123456",
        "a:-1",
        "a:+1",
        "a:1a",
        "a: 1",
        "a:\u0661",
        "-a",
        "a-",
        "a.-b",
        "a-.b",
        "[",
        "[]",
    ),
    *(
        "[::1",
        "::1",
        "[::1]x",
        "[::1]:",
        "[::1]:0",
        "[::g]",
        "[1.2.3.4]",
        "[v1.a]",
        "[fe80::1%25eth0]",
        "[:::]",
    ),
    *(
        "a@b",
        "a:b@c",
        "a/b",
        "a?b",
        "a#b",
        "a\\b",
        "a,b",
        "a;b",
        "a b",
        " a",
        "a ",
        "a\t",
        "a\0",
        "a\n",
        "a\r\nb",
    ),
    *(
        "\xe9",
        "%61",
        "a%00",
        "<a>",
        '"a"',
        "a'b",
        "http://a",
        "*",
        "*.a",
        "LABEL" + LABEL,
        "x" * 300,
        "a." * 200,
    ),
    *(
        ".".join([LABEL] * 4),
        "a=b",
        "a|b",
        "{a}",
        "~",
        "!",
        "$",
        "&",
        "(a)",
        "a+b",
        "\x7f",
        "\x80",
        "\xff" * 9,
    ),
]
PIECES = [
    *string.ascii_letters,
    *string.digits,
    *"..--__::[]%@/\\,; \t\0",
    "\xff",
    ":0",
    ":80",
    "xn--",
    "..",
    LABEL,
]


def generated(seed: int, count: int) -> Iterator[str]:
    """Hosts and paths made of pieces that parsers stumble over; the same ones each time."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    for _ in range(count):
        yield "".join(chance.choices(PIECES, k=chance.randrange(9)))


def probing(
    app: Flask, method: str, path: str, host: str | None, body: bytes = b""
) -> tuple[int, Any, bytes]:
    """Send what no client library would; return the status, headers and body."""
    environ = EnvironBuilder(
        path="/", method=method, data=body, content_type="application/json"
    ).get_environ()
    environ |= {"PATH_INFO": path, "REMOTE_ADDR": "192.0.2.7"}
    del environ["HTTP_HOST"]
    environ |= {} if host is None else {"HTTP_HOST": host}
    parts, status, headers = run_wsgi_app(app.wsgi_app, environ, buffered=True)
    return int(status[:3]), headers, b"".join(parts)


@pytest.mark.parametrize("host", SOUND)
def test_a_host_is_taken_when_a_url_can_be_built_from_it(host: str) -> None:
    assert is_valid_host(host)
    base = own_base({"HTTP_HOST": host, "wsgi.url_scheme": "http"})
    assert urlsplit(base).hostname == re.sub(r"(?<!:):\d+$", "", host).lower().strip("[]")


@pytest.mark.parametrize("host", UNSOUND)
def test_a_host_is_refused_when_no_url_can_be_built_from_it(host: str) -> None:
    assert not is_valid_host(host)


def calls(app: Flask) -> list[tuple[str, str]]:
    """Every route of every dialect with each of its methods."""
    return sorted(
        (method, re.sub(r"<[^>]+>", "1", rule.rule))
        for rule in app.url_map.iter_rules()
        for method in rule.methods or ()
    )


def test_every_route_refuses_a_host_that_is_none_before_it_does_anything(
    api: NativeApi, capfd: pytest.CaptureFixture[str]
) -> None:
    every, hosts = calls(api.app), cycle(UNSOUND)
    assert len(every) > 150
    body = b'{"username":"ghost","password":"newpwd"}'
    asked = [(call, host) for call in every for host in (next(hosts) for _ in range(10))]
    asked += [(("POST", "/api/users"), host) for host in UNSOUND]
    with api.unchanged():
        for (method, path), host in asked:
            assert probing(api.app, method, path, host, body)[0] == 400, (method, path, host)
    assert _not_logged(capfd.readouterr().err) == []


def test_no_host_or_path_is_a_mistake_of_ours(
    api: NativeApi, capfd: pytest.CaptureFixture[str]
) -> None:
    every = cycle(calls(api.app))
    assert (
        probing(api.app, "GET", "/readyz", "localhost")[0] == 200
    )  # this node is known from here on
    with api.unchanged():
        for host, tail in zip(generated(1, 1500), generated(2, 1500), strict=True):
            method, path = next(every)
            for asked, named in ((path, host), (path + tail, "localhost"), ("/" + tail, host)):
                status, _, _ = probing(api.app, method, asked, named)
                assert status < 500, (method, asked, named)
                assert status == 400 or is_valid_host(named), (method, asked, named)
    assert _not_logged(capfd.readouterr().err) == []


def _not_logged(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.startswith('{"at": ')]


def test_a_location_can_be_used_wherever_a_host_is_taken(
    make_api: Callable[..., NativeApi],
) -> None:
    api = make_api(registration_limit="0")
    hosts = [*SOUND, *(host for host in generated(3, 500) if is_valid_host(host)), None]
    assert len(hosts) > 100
    for number, host in enumerate(hosts):
        body = json.dumps({"username": f"bird{number}", "password": "newpwd"}).encode()
        status, headers, _ = probing(api.app, "POST", "/api/users", host, body)
        where = urlsplit(headers["Location"])
        assert (status, where.scheme) == (201, "http"), host
        assert where.hostname
        assert is_valid_host(where.netloc)
        assert probing(api.app, "GET", where.path, where.netloc)[0] == 200


def test_a_location_is_a_path_when_the_host_is_unknown() -> None:
    unix = {
        "wsgi.url_scheme": "http",
        "SERVER_NAME": "/run/identity.sock",
        "SERVER_PORT": "",
        "SCRIPT_NAME": "/id/",
    }
    assert own_base(unix) == "/id"
    assert own_base(unix | {"SERVER_NAME": "::1", "SERVER_PORT": "80"}) == "http://[::1]/id"


def test_a_real_server_refuses_such_hosts_and_logs_nothing_else(live: Live) -> None:
    body = b'{"username":"ghost%d","password":"newpwd"}'
    before = len(live.output())
    sendable = [
        host
        for host in [*SOUND, *UNSOUND, *generated(4, 200)]
        if re.fullmatch(r"[^\0\r\n\u0100-\U0010ffff]*", host)
    ]
    for number, host in enumerate(sendable):
        sent = body % number
        kind = ("Content-Type: application/json", f"Content-Length: {len(sent)}")
        answer = send(
            live, lines("POST /api/users HTTP/1.1", *kind, host=f"Host: {host}", body=sent)
        )
        assert answer.status == (201 if is_valid_host(host.strip(" \t")) else 400), host
        assert answer.body or answer.status == 400  # granian refuses some without a word
    assert _not_logged(live.output()[before:]) == []
