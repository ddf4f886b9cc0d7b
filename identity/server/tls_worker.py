"""A gunicorn worker in which slow clients do not occupy threads.

gunicorn gives a new connection to a thread at once, which then waits for the handshake and the rest
of the head for as long as the client likes. After a response, its event loop waits for that client,
which blocks all others. In this worker, the event loop watches all connections, and a connection
gets a thread when its client has sent a complete head.
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

# For a handshake and a head, for closing, and for silence in a body or a response.
_TIMEOUT_SECONDS: Final = 10.0
_REST_OF_BODY_SECONDS: Final = 0.05
_HEAD_MAX_BYTES: Final = 32 * 1024
_HEAD_END: Final = b"\r\n\r\n"
_QUOTING: Final = (InvalidHTTPVersion, InvalidRequestLine, InvalidRequestMethod)

Connection = Any  # gunicorn's, which has no types


class SlowClientWorker(ThreadWorker):  # type: ignore[misc]
    """Holds slow clients without a thread. Methods without an underscore override gunicorn's."""

    sockets: list[socket.socket]

    def init_process(self) -> None:
        """Load the certificate and the key once, not for each connection."""
        self._context: ssl.SSLContext = ssl_context(self.cfg)
        super().init_process()

    def set_accept_enabled(self, enabled: bool) -> None:  # noqa: FBT001 - gunicorn's
        """Accept connections or not. A worker that stops also closes its listeners."""
        super().set_accept_enabled(enabled)
        if not enabled and not self.alive:
            for listener in self.sockets:
                listener.close()
            self.sockets = []

    def enqueue_req(self, conn: Connection) -> None:
        """Wait for the head of a connection's next request."""
        conn.sock.settimeout(0)
        self._expect(conn)
        self._proceed(conn)

    def handle_request(self, req: object, conn: Connection) -> Any:  # noqa: ANN401 - gunicorn's
        """Answer a request; the client must not be silent for longer than the timeout."""
        conn.sock.settimeout(_TIMEOUT_SECONDS)
        return super().handle_request(req, conn)

    def handle_error(self, req: object, client: object, addr: object, exc: Exception) -> None:
        """Refuse a request, without quoting it in the response or log: it may contain a token."""
        shown = type(exc)("(not shown)") if isinstance(exc, _QUOTING) else exc
        super().handle_error(req, client, addr, shown)

    def _keepalive_after(self, conn: Connection, keepalive: object) -> bool:
        """Return whether another request may follow: not after a body that is still arriving."""
        return bool(keepalive) and conn.parser.finish_body(
            deadline=time.monotonic() + _REST_OF_BODY_SECONDS
        )

    def finish_request(self, conn: Connection, fs: Future[object]) -> None:
        """Take a connection back from its thread, for the next request or to close it."""
        if fs.cancelled() or fs.exception() or fs.result():
            super().finish_request(conn, fs)
        else:
            self._linger(conn)

    def _expect(self, conn: Connection) -> None:
        conn.timeout = time.monotonic() + _TIMEOUT_SECONDS
        self.pending_conns.append(conn)  # gunicorn closes it after the timeout

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
        except OSError:  # the client is gone, or its certificate is invalid
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
        # Closing a socket with unread data resets the connection, and the client may lose the
        # response.
        self._expect(conn)
        try:
            conn.sock.shutdown(socket.SHUT_WR)
            conn.sock.settimeout(0)
        except OSError:  # already closed
            self._drop(conn)
        else:
            self._watch(conn, EVENT_READ, self._discard)

    def _discard(self, conn: Connection) -> None:
        try:
            is_closed = not conn.sock.recv(_HEAD_MAX_BYTES)
        except BlockingIOError:
            is_closed = False
        except OSError:
            is_closed = True
        if is_closed:
            self._drop(conn)
        else:
            self._watch(conn, EVENT_READ, self._discard)

    def _watch(self, conn: Connection, event: int, then: Any) -> None:  # noqa: ANN401 - a method of this class
        self.poller.register(conn.sock, event, partial(self._wake, conn, then))

    def _wake(self, conn: Connection, then: Any, _socket: object) -> None:  # noqa: ANN401 - see above
        self.poller.unregister(conn.sock)
        then(conn)

    def _drop(self, conn: Connection) -> None:
        self.pending_conns.remove(conn)
        self.nr_conns -= 1
        conn.close()


def _receive_head(conn: Connection) -> None:
    """Read until the head is complete.

    Raises:
        BlockingIOError, ssl.SSLError: no data has arrived yet.
        OSError: the connection is closed.
        LimitRequestHeaders: the head is too long.
    """
    unreader = conn.parser.unreader
    data = unreader.take_buffered()
    try:
        # Some clients send an empty line before the head.
        while (length := data.lstrip(b"\r\n").find(_HEAD_END)) < 0:
            if len(data) > _HEAD_MAX_BYTES:
                raise LimitRequestHeaders("limit request headers fields size")
            if not (more := conn.sock.recv(_HEAD_MAX_BYTES)):
                raise ConnectionResetError
            data += more
        if length > _HEAD_MAX_BYTES:
            raise LimitRequestHeaders("limit request headers fields size")
    finally:
        unreader.unread(data)
