"""The connections of this process, below the server library: how to end one that the library would wait for."""

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
# struct tcp_info of Linux: eight bytes, then numbers of four; the tenth tells how long ago we sent anything.
_LAST_SENT: Final = struct.Struct("=8x36xI")


def shut_down(port: int, address: str, *, idle_seconds: float) -> None:
    """Hear no more from whoever got nothing for so long from this port; what we say still arrives.

    A server library tells no request's connection. So all from one address are meant that have waited as long: the one
    that is too slow, and others of its kind or without a request. On Linux; elsewhere nothing happens.
    """
    for connection in _connections():
        with connection, suppress(OSError):  # nobody is at its other end, or only just
            ours, theirs = connection.getsockname(), connection.getpeername()
            if (
                ours[1] == port
                and read_ip(theirs[0]) == read_ip(address)
                and _idle(connection) >= idle_seconds
            ):
                connection.shutdown(socket.SHUT_RD)


def _connections() -> Iterator[socket.socket]:
    names = [int(each.name) for each in _OPEN_FILES.iterdir()] if _OPEN_FILES.is_dir() else []
    for number in names:
        with suppress(OSError):
            if stat.S_ISSOCK(os.fstat(number).st_mode):
                copy = socket.socket(
                    fileno=os.dup(number)
                )  # it stays this connection, whatever becomes of the number
                if copy.family in _INTERNET:
                    yield copy
                else:
                    copy.close()


def _idle(connection: socket.socket) -> float:
    state = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _LAST_SENT.size)
    milliseconds: int = _LAST_SENT.unpack(state)[0]
    return milliseconds / 1000
