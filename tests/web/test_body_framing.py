"""A body is read only if its type, encoding and length are known, and no further."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from io import RawIOBase
from threading import Event, Semaphore
from typing import Any

import pytest

from identity.web.requests.body_reads import HALF_OF_THE_SLOTS
from support.accounts import ADMIN
from support.native_api import CANARY, NativeApi, sent

LIMIT_BYTES = 65_536
BODY = f'{{"username":"falcon","password":"{CANARY}"}}'.encode()
FORM = "application/x-www-form-urlencoded"
WITH_BODY = [
    ("POST", "/api/users"),
    ("POST", "/api/admin/users"),
    ("POST", "/api/admin/invitations"),
    ("POST", "/api/password-changes"),
    ("PATCH", "/api/admin/users/2"),
    ("PATCH", "/api/users/me"),
    ("POST", "/api/activations"),
    ("POST", "/api/password-resets"),
    ("POST", "/api/password-resets/redeem"),
    ("POST", "/api/certificates"),
    ("POST", "/api/certificates/renew"),
]


class Untouchable(RawIOBase):
    """A body that must not be read."""

    def readable(self) -> bool:
        return True

    def readinto(self, _buffer: Any) -> int:
        raise AssertionError("the body was read")


class Broken(RawIOBase):
    """A body whose connection breaks."""

    def readable(self) -> bool:
        return True

    def readinto(self, _buffer: Any) -> int:
        raise ConnectionResetError


def test_every_route_that_takes_a_body_is_tested_here(api: NativeApi) -> None:
    views = api.app.view_functions
    taking = {
        (method, rule.rule.replace("<account:account_id>", "2"))
        for rule in api.app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if getattr(getattr(views[rule.endpoint], "identity_operation", None), "body", None)
        and rule.rule.startswith("/api/")
    }
    assert taking == set(WITH_BODY)


UNREADABLE = {
    "text in Latin 1": "text/plain; charset=iso-8859-1",
    "text of a page": "text/html",
    "other parts": "multipart/mixed; boundary=x",
    "xml": "application/xml",
    "xml that is text": "text/xml",
    "json of an API": "application/vnd.api+json",
    "json of a problem": "application/problem+json",
    "text that is json": "text/json",
    "json lines": "application/jsonl",
    "two types": "application/json, text/plain",
    "any type": "*/*",
    "Latin 1": "application/json; charset=latin-1",
    "UTF-16": "application/json; charset=utf-16",
    "form in Latin 1": f"{FORM}; charset=iso-8859-1",
    "UTF-7": f"{FORM}; charset=utf-7",
}


@pytest.mark.parametrize("kind", UNREADABLE.values(), ids=UNREADABLE)
def test_a_body_is_not_read_when_its_type_is_another(api: NativeApi, kind: str | None) -> None:
    unread = sent(Untouchable(), kind, length=len(BODY))
    api.refuses("POST", "/api/users", 415, "unsupported_media_type", **unread)


@pytest.mark.parametrize(
    "kind",
    [
        "application/json",
        "APPLICATION/JSON",
        "application/json;charset=utf-8",
        'application/json; charset="UTF-8"',
        "application/json; charset=utf8",
    ],
)
def test_a_body_is_read_when_its_type_is_spelled_differently(api: NativeApi, kind: str) -> None:
    api.refuses_body(b"{}", 400, "invalid_input", kind)


@pytest.mark.parametrize("kind", [None, "", "text/plain", "text/plain;charset=UTF-8", "TEXT/PLAIN"])
def test_an_object_is_json_when_no_type_says_otherwise(api: NativeApi, kind: str | None) -> None:
    for body in (b"{}", b' \r\n{"full_name":"x"}'):
        answer = api.refuses_body(body, 400, "invalid_input", kind)
        assert {"username", "password"} <= {each["field"] for each in answer.json["errors"]}
    for broken in (BODY[:-1], BODY + b"x", b'{"a":1,"a":1}', b"{" * 40):
        api.refuses_body(broken, 400, "malformed_body", kind)
    for other in (b"", b"[]", b'"x"', b"username=falcon&password=x", b"\xef\xbb\xbf{}"):
        api.refuses_body(other, 415, "unsupported_media_type", kind)


@pytest.mark.parametrize("kind", [FORM, "application/xml", "text/html"])
def test_an_object_is_no_json_when_its_type_says_so(api: NativeApi, kind: str) -> None:
    form = kind == FORM
    api.refuses_body(
        BODY, *((400, "malformed_body") if form else (415, "unsupported_media_type")), kind
    )


@pytest.mark.parametrize("kind", [None, "text/plain", "multipart/form-data; boundary=x"])
@pytest.mark.parametrize(
    "headers",
    [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}],
)
def test_a_page_of_another_origin_sends_no_body_of_any_type(
    api: NativeApi, headers: dict[str, str], kind: str | None
) -> None:
    unread = sent(Untouchable(), kind, length=len(BODY))
    api.refuses("POST", "/api/users", 403, "cross_site_request", headers=headers, **unread)


@pytest.mark.parametrize(
    "encoding", ["gzip", "deflate", "br", "x-gzip", "gzip, identity", "identity, gzip", "bogus"]
)
def test_a_body_is_not_read_when_it_is_encoded(api: NativeApi, encoding: str) -> None:
    unread, headers = sent(Untouchable(), length=len(BODY)), {"Content-Encoding": encoding}
    api.refuses("POST", "/api/users", 415, "unsupported_media_type", headers=headers, **unread)


@pytest.mark.parametrize(("method", "path"), WITH_BODY)
def test_every_body_is_read_strictly(api: NativeApi, method: str, path: str) -> None:
    headers = api.as_user(ADMIN)
    for body, kind, status, code in (
        (b"hello", "text/plain", 415, "unsupported_media_type"),
        (BODY, "text/html", 415, "unsupported_media_type"),
        (b"[]", "application/json", 400, "malformed_body"),
        (b'{"username":', "application/json", 400, "malformed_body"),
        (b"a=1&a=2", FORM, 400, "malformed_body"),
        (b" " * (LIMIT_BYTES + 1), "application/json", 413, "body_too_large"),
    ):
        api.refuses(method, path, status, code, headers=headers, **sent(body, kind))
    api.refuses(
        method, path, 411, "length_required", headers=headers, content_type="application/json"
    )


def test_a_body_is_read_when_it_is_as_long_as_allowed(api: NativeApi) -> None:
    api.refuses_body(b"{}".ljust(LIMIT_BYTES), 400, "invalid_input")


@pytest.mark.parametrize("kind", ["application/json", FORM])
@pytest.mark.parametrize("length", [LIMIT_BYTES + 1, 600_000, 10**12, 10**17])
def test_a_body_is_not_read_when_it_is_longer_than_allowed(
    api: NativeApi, kind: str, length: int
) -> None:
    api.refuses(
        "POST", "/api/users", 413, "body_too_large", **sent(Untouchable(), kind, length=length)
    )


@pytest.mark.parametrize(
    "length",
    ["", " ", "+9", "-1", "1_0", "9.0", "0x9", "9e0", "9 9", "9,9", "\u0669", "9" * 19, "nine"],
)
def test_a_body_is_not_read_when_its_length_is_not_a_plain_number(
    api: NativeApi, length: str
) -> None:
    api.refuses("POST", "/api/users", 411, "length_required", **sent(Untouchable(), length=length))


def in_chunks(
    body: bytes | RawIOBase, kind: str = "application/json", **more: object
) -> dict[str, Any]:
    """Return the arguments that send a body of no known length, as a server hands on what came in
    chunks."""
    environ = {
        "HTTP_TRANSFER_ENCODING": "chunked",
        "CONTENT_LENGTH": "",
        "wsgi.input_terminated": True,
    } | more
    request = sent(body, kind)
    return request | {"environ_overrides": request["environ_overrides"] | environ}


def test_a_body_is_read_when_it_comes_in_chunks(api: NativeApi) -> None:
    api.refuses("POST", "/api/users", 400, "invalid_input", **in_chunks(b"{}"))
    api.refuses("POST", "/api/users", 400, "invalid_input", **in_chunks(b"{}".ljust(LIMIT_BYTES)))
    api.refuses("POST", "/api/users", 400, "malformed_body", **in_chunks(BODY[:-1]))
    api.refuses("POST", "/api/users", 400, "malformed_body", **in_chunks(Broken()))
    api.refuses(
        "POST", "/api/users", 413, "body_too_large", **in_chunks(b"{}".ljust(LIMIT_BYTES + 1))
    )


def test_a_form_needs_its_length_because_it_does_not_show_its_end(api: NativeApi) -> None:
    api.refuses("POST", "/api/users", 411, "length_required", **in_chunks(Untouchable(), FORM))


@pytest.mark.parametrize(
    "more",
    [
        {"HTTP_TRANSFER_ENCODING": "xchunked"},
        {"HTTP_TRANSFER_ENCODING": "chunked, identity"},
        {"HTTP_TRANSFER_ENCODING": "gzip, chunked"},
        {"HTTP_TRANSFER_ENCODING": ""},
        {"CONTENT_LENGTH": "9"},
        {"wsgi.input_terminated": False},
    ],
    ids=str,
)
def test_a_body_in_chunks_is_not_read_when_its_end_is_in_doubt(
    api: NativeApi, more: dict[str, object]
) -> None:
    api.refuses("POST", "/api/users", 411, "length_required", **in_chunks(Untouchable(), **more))


@pytest.mark.parametrize(
    ("body", "kind"),
    [(BODY, "application/json"), (f"username=falcon&password={CANARY}".encode(), FORM)],
)
def test_a_body_is_refused_when_it_is_shorter_than_declared(
    api: NativeApi, body: bytes, kind: str
) -> None:
    api.refuses(
        "POST", "/api/users", 400, "malformed_body", **sent(body, kind, length=len(body) + 1)
    )


def test_a_body_is_refused_when_the_connection_breaks(api: NativeApi) -> None:
    api.refuses("POST", "/api/users", 400, "malformed_body", **sent(Broken(), length=len(BODY)))


def test_a_body_is_not_read_while_eight_others_are_on_their_way(api: NativeApi) -> None:
    arrived = Event()

    class Slow(Broken):
        def readinto(self, _buffer: Any) -> int:
            started.release()
            arrived.wait(60)
            raise ConnectionResetError

    started = Semaphore(0)
    with ThreadPoolExecutor(HALF_OF_THE_SLOTS) as callers:
        clients = [api.app.test_client(use_cookies=False) for _ in range(HALF_OF_THE_SLOTS)]
        slow = [
            callers.submit(client.post, "/api/users", **sent(Slow(), length=9))
            for client in clients
        ]
        try:
            assert all(started.acquire(timeout=60) for _ in clients)
            refused = api.refuses(
                "POST", "/api/users", 503, "busy", **sent(Untouchable(), length=9)
            )
            assert refused.headers["Retry-After"] == "1"
            assert api.client.get("/api/resource", headers=api.as_user(ADMIN)).status_code == 200
        finally:
            arrived.set()
        assert {each.result().status_code for each in slow} == {400}
    api.refuses_body(b"{}", 400, "invalid_input")


def test_a_body_ends_where_its_length_says(api: NativeApi) -> None:
    api.refuses("POST", "/api/users", 400, "invalid_input", **sent(b"{}" + BODY, length=2))


def test_a_query_never_stands_for_a_body(api: NativeApi) -> None:
    api.refuses("POST", "/api/users?full_name=A&admin=true", 400, "invalid_input", **sent(b"{}"))


IN_THE_QUERY = {
    "password": f"password={CANARY}",
    "password, escaped": f"pass%77ord={CANARY}",
    "password, empty": "password=",
    "current password": f"current_password={CANARY}",
    "access token": f"access_token={CANARY}",
    "our token, whatever it is called": f"cursor=idt_{CANARY}",
    "opaque token": "x=" + "A" * 43,
    "JSON web token": "x=eyJhbGciOiJIUzI1NiJ9.e30.c2ln",
    "UUID": "x=123e4567-e89b-42d3-a456-426614174000",
}


@pytest.mark.parametrize("query", IN_THE_QUERY.values(), ids=IN_THE_QUERY)
def test_a_request_is_refused_when_a_credential_stands_in_its_query(
    api: NativeApi, query: str
) -> None:
    api.refuses("POST", f"/api/users?{query}", 400, "bad_request", **sent(BODY))
    for path in ("/api/resource", "/api/token", "/healthz", "/nowhere"):
        api.refuses("GET", f"{path}?{query}", 400, "bad_request")
