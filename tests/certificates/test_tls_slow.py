"""`identity serve --tls` and clients who are slow, never end what they begin, or do not speak
HTTP."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from support.live_tls import Tls, serving_tls

CLIENTS, CHECKS = 40, 6  # far more than the eight threads there are
PATIENCE_SECONDS = 10  # so long, a call that has to wait for such clients waits at least
HEAD = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tls]:
    with serving_tls(tmp_path_factory.mktemp("slow")) as running:
        yield running


def connect(tls: Tls) -> socket.socket:
    port = int(tls.live.base.rpartition(":")[2])
    return socket.create_connection(("127.0.0.1", port), timeout=60)


def shake_hands(tls: Tls, said: bytes) -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=str(tls.ca))
    connection = context.wrap_socket(connect(tls), server_hostname="127.0.0.1")
    connection.sendall(said)
    return connection


def silent(tls: Tls) -> socket.socket:
    return connect(tls)


def half_a_handshake(tls: Tls) -> socket.socket:
    greeting = ssl.MemoryBIO()
    half = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).wrap_bio(
        ssl.MemoryBIO(), greeting, server_hostname="localhost"
    )
    with pytest.raises(ssl.SSLWantReadError):
        half.do_handshake()
    connection = connect(tls)
    connection.sendall(greeting.read()[:40])
    return connection


def half_a_head(tls: Tls) -> socket.socket:
    return shake_hands(tls, b"\r\n" + HEAD)


def half_a_second_head(tls: Tls) -> socket.socket:
    connection = shake_hands(tls, HEAD + b"\r\n")
    assert connection.recv(4096).startswith(b"HTTP/1.1 200")
    connection.sendall(b"G")
    return connection


def a_body_that_nobody_reads(tls: Tls) -> socket.socket:
    return shake_hands(tls, HEAD + b"Content-Length: 900\r\n\r\n")


def never_hung_up(tls: Tls) -> socket.socket:
    return shake_hands(tls, HEAD + b"Connection: close\r\n\r\n")


@contextmanager
def many(tls: Tls, begin: Callable[[Tls], socket.socket]) -> Iterator[None]:
    began = time.monotonic()
    connections = [begin(tls) for _ in range(CLIENTS)]
    try:
        assert (
            time.monotonic() - began < 3 * PATIENCE_SECONDS
        )  # they do not wait for one another: that is 50 seconds
        yield
    finally:
        for each in connections:
            each.close()


@pytest.mark.parametrize(
    "begin",
    [
        silent,
        half_a_handshake,
        half_a_head,
        half_a_second_head,
        a_body_that_nobody_reads,
        never_hung_up,
    ],
)
def test_others_are_answered_beside_clients_who_go_no_further(
    tls: Tls, begin: Callable[[Tls], socket.socket]
) -> None:
    with many(tls, begin):
        for _ in range(CHECKS):
            asked = time.monotonic()
            assert tls.curl("/healthz").status == 200
            assert time.monotonic() - asked < PATIENCE_SECONDS - 1


def test_who_goes_no_further_is_cut_off_in_time(tls: Tls) -> None:
    asked = time.monotonic()
    waiting = [silent(tls), half_a_handshake(tls), half_a_head(tls)]
    for each in waiting:
        with each:
            assert each.recv(4096) == b""
    assert PATIENCE_SECONDS - 1 < time.monotonic() - asked < 3 * PATIENCE_SECONDS


def test_a_head_without_end_is_refused(tls: Tls) -> None:
    with shake_hands(tls, HEAD + b"X-Long: " + b"a" * 70_000) as connection:
        assert connection.recv(4096).startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize(
    "line", ["GET /?access_token=%s", "GET /x?token=a %s HTTP/1.1", "%s / HTTP/1.1"]
)
def test_a_line_that_is_none_is_quoted_nowhere(tls: Tls, line: str) -> None:
    secret = "c2VjcmV0LWNhbmFyeQ"
    with shake_hands(tls, (line % secret).encode() + b"\r\n\r\n") as connection:
        answer = connection.recv(4096)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert secret.encode() not in answer
    assert secret not in tls.live.output()


def test_a_request_may_come_in_pieces_and_several_at_once(tls: Tls) -> None:
    with shake_hands(tls, HEAD[:9]) as connection:
        time.sleep(0.1)
        connection.sendall(HEAD[9:] + b"\r\n" + 2 * (HEAD + b"\r\n"))
        answers = b""
        while answers.count(b"HTTP/1.1 200") < 3:
            more = connection.recv(65536)
            assert more
            answers += more


def test_a_body_may_come_after_its_head(tls: Tls) -> None:
    body = b'{"username":"slow","password":"newpwd"}'
    head = b"POST /api/users HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    with shake_hands(tls, head + b"Content-Length: %d\r\n\r\n" % len(body)) as connection:
        for piece in (body[:7], body[7:]):
            time.sleep(0.1)
            connection.sendall(piece)
        assert connection.recv(4096).startswith(b"HTTP/1.1 201")
