"""A connection to a server that can be cut and restored."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_CHUNK = 65536


class Proxy:
    """Carries TCP connections from a port of its own to a server's."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._cut = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @contextmanager
    def cut(self) -> Iterator[None]:
        """Carry nothing meanwhile: old connections fall silent, new ones are closed; afterwards the
        old ones break."""
        self._cut.set()
        try:
            yield
        finally:
            silent, self._pairs = self._pairs, []
            self._cut.clear()
            for pair in silent:
                _break(pair)

    def close(self) -> None:
        """Break everything."""
        self._cut.set()
        self._listener.close()
        for pair in self._pairs:
            _break(pair)

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                caller, _ = self._listener.accept()
                if self._cut.is_set():
                    caller.close()
                    continue
                pair = caller, socket.create_connection(self._target)
                self._pairs.append(pair)
                threading.Thread(target=self._carry, args=(pair,), daemon=True).start()

    def _carry(self, pair: tuple[socket.socket, socket.socket]) -> None:
        other = dict(zip(pair, reversed(pair), strict=True))
        with suppress(OSError, ValueError):  # one side is gone
            while True:
                for side in select.select(pair, [], [], 1)[0]:
                    data = side.recv(_CHUNK)
                    if self._cut.is_set():
                        return  # what was on its way is lost without notice
                    if not data:
                        _break(pair)
                        return
                    other[side].sendall(data)
        if not self._cut.is_set():
            _break(pair)


def _break(pair: tuple[socket.socket, socket.socket]) -> None:
    for side in pair:
        with suppress(OSError):
            side.shutdown(socket.SHUT_RDWR)
        side.close()


@contextmanager
def proxy_to(host: str, port: int) -> Iterator[Proxy]:
    """Run a proxy."""
    made = Proxy((host, port))
    try:
        yield made
    finally:
        made.close()
