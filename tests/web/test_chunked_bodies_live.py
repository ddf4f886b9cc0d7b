"""Chunked bodies with both servers: real curl sends them, and truncated ones are refused."""

from __future__ import annotations

import itertools
import socket
from contextlib import suppress

import pytest

from support.accounts import ADMIN
from support.live import Live
from support.raw_http import connected

REGISTER = "POST /api/users HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
JSON = "Content-Type: application/json"
CHUNKED = "Transfer-Encoding: chunked"
_numbers = itertools.count()


def new_body(*, ending: str = "}") -> bytes:
    return f'{{"username":"falcon{next(_numbers)}","password":"newpwd"{ending}'.encode()


def chunks(body: bytes, *, size: int = 7) -> bytes:
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def send(served: Live, headers: list[str], body: bytes, *, half_close: bool = False) -> str:
    """Send a registration, end our side of the connection if asked, and return everything that
    comes back."""
    head = REGISTER + "".join(f"{header}\r\n" for header in headers) + "\r\n"
    received = b""
    with connected(served) as (plain, connection):
        with suppress(OSError):
            connection.sendall(head.encode() + body)
            if half_close:
                plain.shutdown(socket.SHUT_WR)
        with suppress(OSError):
            while part := connection.recv(65536):
                received += part
    return received.decode("latin-1")


def users(served: Live) -> list[str]:
    answer = served.curl("/api/admin/users?limit=200", "-k", "-u", ":".join(ADMIN))
    return [user["username"] for user in answer.json()["users"]]


@pytest.mark.parametrize("kind", [JSON, "Content-Type:", "Content-Type: text/plain;charset=UTF-8"])
@pytest.mark.parametrize("body", ["chunks", "length"])
def test_real_curl_registers_with_any_body_that_is_an_object(
    served: Live, kind: str, body: str
) -> None:
    coding = ["-H", CHUNKED] if body == "chunks" else []
    sent = new_body().decode()
    answer = served.curl("/api/users", "-k", "-H", kind, *coding, "-d", sent)
    assert answer.status == 201, answer.body
    assert answer.json()["username"] in sent


def test_real_curl_registers_with_a_multipart_form(served: Live) -> None:
    for coding in ([], ["-H", CHUNKED]):
        name = f"falcon{next(_numbers)}"
        answer = served.curl(
            "/api/users", "-k", *coding, "-F", f"username={name}", "-F", "password=newpwd"
        )
        assert (answer.status, answer.json()) == (201, {"username": name})
    answer = served.curl("/api/users", "-k", "-F", "username=x", "-F", "password=@/etc/hostname")
    assert answer.status == 415


def test_an_object_in_many_chunks_with_trailers_is_read(served: Live) -> None:
    sent = (
        chunks(new_body(), size=1)
        .replace(b"1\r\n{", b"1;a=b\r\n{")
        .replace(b"0\r\n\r\n", b"0\r\nX-T: y\r\n\r\n")
    )
    assert send(served, [JSON, CHUNKED], sent).startswith("HTTP/1.1 201 ")


@pytest.mark.parametrize("cut", [3, 40, -20])
def test_a_body_is_refused_when_its_chunks_end_too_early(served: Live, cut: int) -> None:
    before = users(served)
    said = send(served, [JSON, CHUNKED], chunks(new_body())[:cut], half_close=True)
    assert said == "" or said.startswith(("HTTP/1.1 400 ", "HTTP/1.1 408 ")), said
    assert users(served) == before


@pytest.mark.parametrize(
    "broken", [b"zz\r\n", b"-1\r\n", b"ffffffffffffffffff\r\n", b"7\r\n" + b"x" * 20 + b"\r\n"]
)
def test_a_body_is_refused_when_its_chunks_are_broken(served: Live, broken: bytes) -> None:
    before = users(served)
    said = send(
        served,
        [JSON, CHUNKED],
        chunks(new_body(ending=""))[:-5] + broken + b"0\r\n\r\n",
        half_close=True,
    )
    assert said == "" or said.startswith("HTTP/1.1 400 "), said
    assert users(served) == before


def test_a_body_in_chunks_is_refused_when_it_is_too_long(served: Live) -> None:
    before = users(served)
    sent = chunks(new_body().ljust(65_537), size=4096)
    assert send(served, [JSON, CHUNKED], sent).startswith("HTTP/1.1 413 ")
    assert send(served, [JSON, CHUNKED], chunks(b" " * 200_000, size=9999)).startswith(
        "HTTP/1.1 413 "
    )
    assert users(served) == before


def test_a_form_in_chunks_is_asked_for_its_length(served: Live) -> None:
    before = users(served)
    sent = chunks(b"username=falcon&password=newpwd")
    said = send(served, ["Content-Type: application/x-www-form-urlencoded", CHUNKED], sent)
    assert said.startswith("HTTP/1.1 411 ")
    assert users(served) == before


def test_a_request_with_a_length_and_chunks_is_the_last_of_its_connection(served: Live) -> None:
    sent = b"0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    said = send(served, [JSON, "Content-Length: 3", CHUNKED], sent)
    assert said.startswith("HTTP/1.1 400 ")
    assert "alive" not in said
