"""gunicorn's worker with threads for requests alone, not for clients who are slow to make one.

gunicorn gives a connection a thread as soon as it is there, and lets it wait in it: for the handshake and for the
rest of the head, as long as the client likes. Whom it has answered it waits for in its one loop, and everybody with it.
Here that loop watches all connections, and a thread is for whoever has sent a whole head.
"""

from __future__ import annotations

import socket
import ssl
import time
from concurrent.futures import Future
from functools import partial
from selectors import EVENT_READ, EVENT_WRITE
from typing import Any, Final

from gunicorn.http import get_parser
from gunicorn.http.errors import (
    InvalidHTTPVersion,
    InvalidRequestLine,
    InvalidRequestMethod,
    LimitRequestHeaders,
)
from gunicorn.sock import ssl_context
from gunicorn.workers.gthread import ThreadWorker

_PATIENCE_SECONDS: Final = (
    10.0  # for a handshake and a head, for hanging up, and with silence in a body or an answer
)
_MOMENT_SECONDS: Final = 0.05
_HEAD_MAX_BYTES: Final = 32 * 1024
_HEAD_END: Final = b"\r\n\r\n"
_QUOTING: Final = (InvalidHTTPVersion, InvalidRequestLine, InvalidRequestMethod)

Connection = Any  # gunicorn's, which has no types


class PatientWorker(ThreadWorker):  # type: ignore[misc]
    """Holds slow clients without a thread; the methods are gunicorn's own, but for those with an underscore."""

    sockets: list[socket.socket]

    def init_process(self) -> None:
        """Read certificate and key once, not for each connection."""
        self._context: ssl.SSLContext = ssl_context(self.cfg)
        super().init_process()

    def set_accept_enabled(self, enabled: bool) -> None:  # noqa: FBT001 - gunicorn's
        """Take connections or not; a worker that ends closes its door, where nobody would ever be answered."""
        super().set_accept_enabled(enabled)
        if not enabled and not self.alive:
            for listener in self.sockets:
                listener.close()
            self.sockets = []

    def enqueue_req(self, conn: Connection) -> None:
        """Wait for the head of the next request of a connection."""
        conn.sock.settimeout(0)
        self._expect(conn)
        self._proceed(conn)

    def handle_request(self, req: object, conn: Connection) -> Any:  # noqa: ANN401 - gunicorn's
        """Answer, as long as there is somebody at the other end."""
        conn.sock.settimeout(_PATIENCE_SECONDS)
        return super().handle_request(req, conn)

    def handle_error(self, req: object, client: object, addr: object, exc: Exception) -> None:
        """Refuse a request, in answer and log without a line of it that may hold a token."""
        shown = type(exc)("(not shown)") if isinstance(exc, _QUOTING) else exc
        super().handle_error(req, client, addr, shown)

    def _keepalive_after(self, conn: Connection, keepalive: object) -> bool:
        """Tell whether a next request may follow: not behind a body that nobody read and that has not come yet."""
        return bool(keepalive) and conn.parser.finish_body(
            deadline=time.monotonic() + _MOMENT_SECONDS
        )

    def finish_request(self, conn: Connection, fs: Future[object]) -> None:
        """Take a connection back from its thread: for the next request, or until its client has hung up."""
        if fs.cancelled() or fs.exception() or fs.result():
            super().finish_request(conn, fs)
        else:
            self._linger(conn)

    def _expect(self, conn: Connection) -> None:
        conn.timeout = time.monotonic() + _PATIENCE_SECONDS
        self.pending_conns.append(conn)  # closed when its time is over

    def _proceed(self, conn: Connection) -> None:
        try:
            self._shake_hands(conn)
            _receive_head(conn)
        except LimitRequestHeaders as error:
            self.pending_conns.remove(conn)
            self.handle_error(None, conn.sock, conn.client, error)
            self._linger(conn)
        except (BlockingIOError, ssl.SSLWantReadError):
            self._watch(conn, EVENT_READ, self._proceed)
        except ssl.SSLWantWriteError:
            self._watch(conn, EVENT_WRITE, self._proceed)
        except OSError:  # the client is gone, or what it shows is no good
            self._drop(conn)
        else:
            self.pending_conns.remove(conn)
            super().enqueue_req(conn)

    def _shake_hands(self, conn: Connection) -> None:
        if not conn.initialized:
            conn.sock = self._context.wrap_socket(
                conn.sock, server_side=True, do_handshake_on_connect=False
            )
            conn.parser = get_parser(self.cfg, conn.sock, conn.client)
            conn.initialized = True
        conn.sock.do_handshake()

    def _linger(self, conn: Connection) -> None:
        # A socket that is closed with something unread takes its last answer back.
        self._expect(conn)
        try:
            conn.sock.shutdown(socket.SHUT_WR)
            conn.sock.settimeout(0)
        except OSError:  # it is closed already
            self._drop(conn)
        else:
            self._watch(conn, EVENT_READ, self._discard)

    def _discard(self, conn: Connection) -> None:
        try:
            going_on = conn.sock.recv(_HEAD_MAX_BYTES)
        except BlockingIOError:
            going_on = b" "
        except OSError:
            going_on = b""
        if going_on:
            self._watch(conn, EVENT_READ, self._discard)
        else:
            self._drop(conn)

    def _watch(self, conn: Connection, event: int, then: Any) -> None:  # noqa: ANN401 - a method for the connection
        self.poller.register(conn.sock, event, partial(self._wake, conn, then))

    def _wake(self, conn: Connection, then: Any, _socket: object) -> None:  # noqa: ANN401 - see above
        self.poller.unregister(conn.sock)
        then(conn)

    def _drop(self, conn: Connection) -> None:
        self.pending_conns.remove(conn)
        self.nr_conns -= 1
        conn.close()


def _receive_head(conn: Connection) -> None:
    """Read until a head is whole.

    Raises:
        BlockingIOError, ssl.SSLError: there is nothing to read for now.
        OSError: there will be nothing.
        LimitRequestHeaders: it does not end.
    """
    unreader = conn.parser.unreader
    held = unreader.take_buffered()
    try:
        while (length := held.lstrip(b"\r\n").find(_HEAD_END)) < 0:  # some begin with an empty line
            if len(held) > _HEAD_MAX_BYTES:
                raise LimitRequestHeaders("limit request headers fields size")
            if not (more := conn.sock.recv(_HEAD_MAX_BYTES)):
                raise ConnectionResetError
            held += more
        if length > _HEAD_MAX_BYTES:
            raise LimitRequestHeaders("limit request headers fields size")
    finally:
        unreader.unread(held)
