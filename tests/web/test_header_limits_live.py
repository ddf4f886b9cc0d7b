"""The size of a request's head is bounded with both servers, and an endless one uses no memory."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from support.live import Live
from support.raw_http import connected

FIELD = 7_000  # gunicorn takes fields of 8 KiB
UNFINISHED = 200
GROWTH_BYTES = 40 * 1024 * 1024  # half of what so many heads of 400 KB are


def head(size: int, *, field: int = FIELD) -> bytes:
    """Return a whole head of about so many bytes."""
    sizes = [field] * (size // field) + [size % field]
    fields = b"".join(
        b"X-Pad-%d: %b\r\n" % (number, b"y" * length) for number, length in enumerate(sizes)
    )
    return b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + fields + b"\r\n"


def ask(served: Live, request: bytes) -> bytes:
    received = b""
    with connected(served) as (_, connection), suppress(OSError):
        with suppress(
            OSError
        ):  # a server that has heard enough closes; what it said can still be read
            connection.sendall(request)
        while part := connection.recv(65_536):
            received += part
    return received


@pytest.mark.parametrize("size", [100, 8_000, 15_000])
def test_a_head_of_a_usual_size_is_taken(served: Live, size: int) -> None:
    assert ask(served, head(size)).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("field", [FIELD, 300, 1_000_000])
@pytest.mark.parametrize("size", [34_000, 66_000, 400_000])
def test_a_head_above_32_kib_is_431(served: Live, size: int, field: int) -> None:
    assert ask(served, head(size, field=field)).startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize(
    "name", [b"Authorization: Basic ", b"Cookie: ", b"X-Request-ID: ", b"Content-Type: "]
)
def test_a_long_field_is_431_for_every_name(served: Live, name: bytes) -> None:
    request = (
        b"GET /api/token HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        + name
        + b"Y" * 40_000
    )
    assert ask(served, request + b"\r\n\r\n").startswith(b"HTTP/1.1 431 ")


def test_heads_that_never_end_keep_no_memory(served: Live) -> None:
    ask(served, head(100))
    before = resident(served.process.pid)
    with ExitStack() as stack:
        for _ in range(UNFINISHED):
            _, connection = stack.enter_context(connected(served))
            connection.settimeout(2)
            with suppress(OSError):
                connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Pad: " + b"y" * 400_000)
        assert ask(served, head(100)).startswith(b"HTTP/1.1 200 ")
        assert resident(served.process.pid) - before < GROWTH_BYTES


def resident(pid: int) -> int:
    """Return the resident memory of a process and of all that descend from it, in bytes."""
    pages = int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1])
    children = [path.read_text("ascii") for path in Path(f"/proc/{pid}/task").glob("*/children")]
    return pages * 4096 + sum(resident(int(child)) for each in children for child in each.split())
