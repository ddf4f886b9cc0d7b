"""Shuts down connections of slow clients, below the server library, which would wait for them."""

from __future__ import annotations

import os
import socket
import stat
import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from identity.domain.ips import read_ip

_OPEN_FILES: Final = Path("/proc/self/fd")
_INTERNET: Final = {socket.AF_INET, socket.AF_INET6}
# Linux: struct tcp_info has eight bytes and then fields of four. The tenth field is the time since
# we last sent data, in milliseconds.
_LAST_SENT: Final = struct.Struct("=8x36xI")


def shut_down(port: int, address: str, *, idle_seconds: float) -> None:
    """Stop receiving on the connections from an IP to a port that got no data for some seconds.

    Responses can still be sent. Server libraries do not expose the connection of a request, so this
    affects all connections of the IP that have been idle for as long, including those without a
    request. On Linux only.
    """
    for connection in _connections():
        with connection, suppress(OSError):  # not connected, or not any more
            local = connection.getsockname()
            peer = connection.getpeername()
            if local[1] != port or read_ip(peer[0]) != read_ip(address):
                continue
            if _idle(connection) >= idle_seconds:
                connection.shutdown(socket.SHUT_RD)


def _connections() -> Iterator[socket.socket]:
    if not _OPEN_FILES.is_dir():
        return
    for descriptor in [int(each.name) for each in _OPEN_FILES.iterdir()]:
        with suppress(OSError):
            if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                # A duplicate stays valid even if the server closes and reuses the descriptor.
                copy = socket.socket(fileno=os.dup(descriptor))
                if copy.family in _INTERNET:
                    yield copy
                else:
                    copy.close()


def _idle(connection: socket.socket) -> float:
    state = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _LAST_SENT.size)
    milliseconds: int = _LAST_SENT.unpack(state)[0]
    return milliseconds / 1000
