"""Raw HTTP to a real service, as no well-behaved client sends it."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from support.live import Live


@dataclass(frozen=True)
class Raw:
    """Everything that came back on one connection until the service closed it."""

    text: str

    @property
    def count(self) -> int:
        """How many answers there are."""
        return self.text.count("HTTP/1.1 ") + self.text.count("HTTP/1.0 ")

    @property
    def status(self) -> int:
        """The status of the first answer."""
        return int(self.text.split(" ", 2)[1])

    @property
    def head(self) -> str:
        """The first answer's header fields, in lower case."""
        return self.text.partition("\r\n\r\n")[0].lower()

    @property
    def body(self) -> str:
        """What follows the first answer's header."""
        return self.text.partition("\r\n\r\n")[2]


def lines(
    first: str, *headers: str, host: str | None = "Host: service.example", body: bytes = b""
) -> bytes:
    """Return the bytes of a request that is the last on its connection."""
    head = (first, *([host] if host else []), *headers, "Connection: close", "", "")
    return "\r\n".join(head).encode("latin-1") + body


def send(live: Live, request: bytes, *, half_close: bool = False) -> Raw:
    """Send bytes on a new connection, end our side of it if asked, and read until the service ends
    its own."""
    host, _, port = live.base.removeprefix("http://").partition(":")
    received = b""
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        # A service that has heard enough closes; what it said before that can still be read.
        with suppress(ConnectionError):
            connection.sendall(request)
        if half_close:
            connection.shutdown(socket.SHUT_WR)
        with suppress(ConnectionError):
            while chunk := connection.recv(65536):
                received += chunk
    return Raw(received.decode("latin-1"))


@contextmanager
def connected(live: Live) -> Iterator[tuple[socket.socket, socket.socket]]:
    """Connect to a service; return the connection, and what to speak HTTP over: the same, or TLS on
    it."""
    port = int(live.base.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=60) as plain:
        if not live.base.startswith("https"):
            yield plain, plain
            return
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with context.wrap_socket(plain) as secured:
            yield plain, secured
