"""What only a real server shows: framing, limits, methods and paths, byte by byte."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import pytest

from support.accounts import ADMIN
from support.live import Live
from support.native_api import CANARY
from support.raw_http import Raw, lines, send

REGISTER = "POST /api/users HTTP/1.1"
JSON = "Content-Type: application/json"
FORM = "Content-Type: application/x-www-form-urlencoded"
BODY = f'{{"username":"falcon","password":"{CANARY}"}}'.encode()
LENGTH = f"Content-Length: {len(BODY)}"
CHUNKED = "Transfer-Encoding: chunked"
CHUNKS = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)
LOGIN = "Authorization: Basic " + base64.b64encode(":".join(ADMIN).encode()).decode()
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: service.example\r\n\r\n"


@pytest.fixture(scope="module")
def token(live: Live) -> str:
    answer = live.curl("/api/token", "-u", ":".join(ADMIN))
    text: str = answer.json()["token"]
    return text


@pytest.fixture
def unchanged(live: Live, token: str) -> Iterator[None]:
    """The service is alive afterwards, has the same accounts and nothing new in its trail."""

    def state() -> list[object]:
        paths = ("/api/admin/users?limit=200", "/api/admin/audit?limit=1")
        return [live.curl(path, "-u", f"{token}:x").json() for path in paths]

    before = state()
    yield
    assert state() == before


def require_refusal(answer: Raw, *statuses: int) -> None:
    """Make sure that there is one answer, that it refuses, and that it tells nothing."""
    assert answer.count == 1, answer.text
    assert answer.status in statuses, answer.text
    assert CANARY not in answer.text
    assert "traceback" not in answer.text.lower()
    assert "set-cookie" not in answer.head
    # Either our application refuses with a problem, or the server before it with nothing at all.
    assert (
        ("application/problem+json" in answer.head)
        == ("x-request-id" in answer.head)
        == bool(answer.body)
    )


FRAMING = {
    "chunks of a form": ([FORM, CHUNKED], CHUNKS, 411),
    "chunks above the limit": (
        [JSON, CHUNKED],
        b"11170\r\n" + b" " * 70_000 + b"\r\n0\r\n\r\n",
        413,
    ),
    "bad chunk size": ([JSON, CHUNKED], b"zz\r\n" + BODY, 400),
    "bad size of a later chunk": (
        [JSON, CHUNKED],
        b"9\r\n" + BODY[:9] + b"\r\nzz\r\n" + BODY[9:],
        400,
    ),
    "unknown coding": ([JSON, "Transfer-Encoding: xchunked"], BODY, 400),
    "coding after chunks": ([JSON, "Transfer-Encoding: chunked, identity"], BODY, 400),
    "two lengths": ([JSON, LENGTH, "Content-Length: 5"], BODY, 400),
    "two lengths the other way round": ([JSON, "Content-Length: 5", LENGTH], BODY, 400),
    "list of lengths": ([JSON, f"{LENGTH}, {len(BODY)}"], BODY, 400),
    "signed length": ([JSON, LENGTH.replace(": ", ": +")], BODY, 400),
    "negative length": ([JSON, "Content-Length: -1"], BODY, 400),
    "hexadecimal length": ([JSON, "Content-Length: 0x10"], BODY, 400),
    "length beyond 64 bits": ([JSON, "Content-Length: 99999999999999999999"], BODY, 400),
    "no length": ([JSON], b"", 411),
    "two credentials": ([LOGIN, LOGIN, JSON, LENGTH], BODY, 400),
    "101 header fields": ([*(f"X-{n}: y" for n in range(98)), JSON, LENGTH], BODY, 431),
    "very long header field": (["X-Long: " + "y" * 900_000, JSON, LENGTH], BODY, 431),
    "control character in a header": (["X-Bell: a\x07b", JSON, LENGTH], BODY, 400),
    "folded header": (["X-Folded: a\r\n b", JSON, LENGTH], BODY, 400),
    "space before a colon": (["Content-Length : 5", JSON], BODY, 400),
}


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(("headers", "body", "status"), FRAMING.values(), ids=FRAMING)
def test_a_request_is_refused_when_its_frame_is_ambiguous(
    live: Live, headers: list[str], body: bytes, status: int
) -> None:
    require_refusal(send(live, lines(REGISTER, *headers, body=body)), status)


HOSTS = {
    "none": [],
    "empty": ["Host:"],
    "two": ["Host: a.example", "Host: b.example"],
    "with a space": ["Host: a b"],
    "with a path": ["Host: a.example/b"],
    "with a name before it": ["Host: a@b.example"],
    "with a query": ["Host: a.example?b"],
}


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("hosts", HOSTS.values(), ids=HOSTS)
def test_a_request_is_refused_when_its_host_is_not_one_plain_name(
    live: Live, hosts: list[str]
) -> None:
    require_refusal(send(live, lines(REGISTER, *hosts, JSON, LENGTH, host=None, body=BODY)), 400)


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("kind", [JSON, FORM])
@pytest.mark.parametrize("expect", [[], ["Expect: 100-continue"]], ids=["at once", "asking first"])
def test_a_body_above_the_limit_is_refused_before_it_is_sent(
    live: Live, kind: str, expect: list[str]
) -> None:
    require_refusal(send(live, lines(REGISTER, kind, "Content-Length: 65537", *expect)), 413)


SHORT = {
    "json": ([JSON, f"Content-Length: {len(BODY) + 4}"], BODY, 400),
    "form": ([FORM, "Content-Length: 60"], f"username=falcon&password={CANARY}".encode(), 400),
    "nothing": ([JSON, LENGTH], b"", 400),
    "chunk": ([JSON, CHUNKED], CHUNKS[:20], 400),
    "chunk that promises more": ([JSON, CHUNKED], b"%x\r\n" % len(BODY) + BODY[:-1], 400),
    "between chunks": ([JSON, CHUNKED], b"9\r\n" + BODY[:9] + b"\r\n", 400),
    "chunk of a form": ([FORM, CHUNKED], b"60\r\nusername=falcon&password=x", 411),
}


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(("headers", "body", "status"), SHORT.values(), ids=SHORT)
def test_a_body_is_refused_when_the_client_ends_before_its_end(
    live: Live, headers: list[str], body: bytes, status: int
) -> None:
    require_refusal(send(live, lines(REGISTER, *headers, body=body), half_close=True), status)


UNREAD = {
    "too long": ([JSON, "Content-Length: 70000"], (HEALTH * 2000)[:70_000]),
    "length and chunks": ([JSON, "Content-Length: 3", CHUNKED], b"0\r\n\r\n" + HEALTH),
    "bad chunk": ([JSON, CHUNKED], b"zz\r\n" + HEALTH),
    "wrong type": (["Content-Type: text/plain", f"Content-Length: {len(HEALTH)}"], HEALTH),
}


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(("headers", "body"), UNREAD.values(), ids=UNREAD)
def test_an_unread_body_is_never_taken_for_the_next_request(
    live: Live, headers: list[str], body: bytes
) -> None:
    first = lines(REGISTER, *headers, body=body).replace(b"Connection: close\r\n", b"")
    answer = send(live, first + lines("GET /readyz HTTP/1.1"))
    assert answer.status in {400, 413, 415}
    assert answer.count <= 2
    assert "alive" not in answer.text  # what the health check says
    assert answer.count == 1 or answer.text.endswith('{"status":"ready"}\n')


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("method", ["TRACE", "FOO", "CONNECT", "PUT", "post", "Post", "PoST"])
def test_registration_is_refused_when_the_method_is_another(live: Live, method: str) -> None:
    answer = send(live, lines(f"{method} /api/users HTTP/1.1", JSON, LENGTH, body=BODY))
    require_refusal(answer, 400, 404, 405, 501)


@pytest.mark.parametrize("method", ["get", "Get", "head", "options"])
def test_a_method_in_other_letters_is_another_method(live: Live, method: str) -> None:
    answer = send(live, lines(f"{method} /api/token HTTP/1.1"))
    require_refusal(answer, 405)
    (allowed,) = [
        line for line in answer.head.split("\r\n") if line.startswith("allow: ")
    ]  # RFC 9110 section 15.5.6
    assert set(allowed.removeprefix("allow: ").split(", ")) == {
        "delete",
        "get",
        "head",
        "options",
        "post",
    }
    require_refusal(send(live, lines(f"{method} /nowhere HTTP/1.1")), 404)


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("header", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"])
def test_a_method_is_not_overridden_by_a_header(live: Live, token: str, header: str) -> None:
    bearer = f"Authorization: Bearer {token}"
    answer = send(
        live, lines("POST /api/users/me HTTP/1.1", bearer, f"{header}: DELETE", "Content-Length: 0")
    )
    require_refusal(answer, 405)
    assert "\r\nallow: " in answer.head


SPELLINGS = [
    "//api/{name}",
    "///api/{name}",
    "/api//{name}",
    "/%61pi/{name}",
    "/api/{name}/",
    "/api%2f{name}",
    "/api/%2e/{name}",
    "/api/./{name}",
    "/api/users/../{name}",
    "/docs/../api/{name}",
    "/docs/%2e%2e/api/{name}",
    "/docs/..%2fapi/{name}",
    "/api/{name};x",
    "/api/{name};/healthz",
    "/api/{name}%00",
    "/api/{name}%20",
    "/api\\{name}",
    "/API/{name}",
    "http://other.example/api/{name}",
]


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("name", ["resource", "admin/users"])
def test_a_path_spelled_differently_has_the_same_lock_or_leads_nowhere(
    live: Live, token: str, spelling: str, name: str
) -> None:
    target = f"GET {spelling.format(name=name)} HTTP/1.1"
    anonymous, known = (
        send(live, lines(target)),
        send(live, lines(target, f"Authorization: Bearer {token}")),
    )
    assert (anonymous.status, known.status) in {(401, 200), (404, 404), (400, 400)}
    assert (
        "\r\nlocation:" not in anonymous.head + known.head
    )  # it would be built from the caller's Host


@pytest.mark.parametrize(
    "number", ["01", "001", "%D9%A1", "+1", "-1", "1.0", "1e0", "0x1", "%201", "1%20", "%EF%BC%91"]
)
def test_an_id_has_one_spelling(live: Live, number: str) -> None:
    require_refusal(send(live, lines(f"GET /api/users/{number} HTTP/1.1")), 404)


@pytest.mark.parametrize("length", [5_000, 100_000])
def test_a_long_request_line_is_refused(live: Live, length: int) -> None:
    require_refusal(send(live, lines(f"GET /{'y' * length} HTTP/1.1")), 404, 414, 431)
