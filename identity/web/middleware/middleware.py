"""The middleware around every request: request id, fixed headers, metrics and log line.

Plain WSGI, because it is on the path of every token check and sees even responses that Flask did
not produce.
"""

from __future__ import annotations

import itertools
import logging
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from flask import Flask

from identity.web.context import Context
from identity.web.dialect import DialectRegistry
from identity.web.environ import CACHEABLE, CONTEXT, DIALECT, REPEATED, REQUEST_ID, ROUTE
from identity.web.middleware.cors import Cors
from identity.web.middleware.fast_path import FastPath
from identity.web.middleware.internal_errors import internal_error
from identity.web.middleware.request_checks import NO_ROUTE, check_request
from identity.web.peers import client_ip
from identity.web.published import PUBLISHED
from identity.web.requests.cross_site import SAFE_METHODS
from identity.web.requests.forward_auth import normalize

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_log = logging.getLogger("identity.requests")
_CLIENT_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_METHODS: Final = SAFE_METHODS | {"POST", "PUT", "PATCH", "DELETE"}
_PAUSE_SECONDS: Final = 0.005  # about fifty times as long as a repeated refusal takes

# An API has no pages, frames or scripts. Its responses are neither cached nor readable from other
# origins unless they are published.
_ALWAYS: Final = (("Referrer-Policy", "no-referrer"), ("X-Content-Type-Options", "nosniff"))
_HEADERS: Final = (
    ("Cache-Control", "no-store"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    *_ALWAYS,
)
_CACHEABLE_HEADERS: Final = _HEADERS[1:]  # the response has its own Cache-Control
_RESERVED: Final = frozenset(dict(_HEADERS))
_RESERVED_CACHEABLE: Final = frozenset(dict(_CACHEABLE_HEADERS))
_POLICY: Final = "Content-Security-Policy"
_DEFAULT_POLICY: Final = ((_POLICY, "default-src 'none'; frame-ancestors 'none'"),)
_ALL: Final = (*_HEADERS, *_DEFAULT_POLICY)
_ALL_CACHEABLE: Final = (*_CACHEABLE_HEADERS, *_DEFAULT_POLICY)


class Middleware:
    """Wraps an application.

    Args:
        application: answers the requests that the fast path does not.
        context: the application's context.
        dialects: selects the dialect of a request.
        fast_path: answers some requests without the application.
    """

    def __init__(
        self,
        application: WSGIApplication,
        context: Context,
        dialects: DialectRegistry,
        fast_path: FastPath | None = None,
    ) -> None:
        self._application = application
        self._fast_path = fast_path
        self._context = context
        self._dialects = dialects
        self._metrics = context.metrics
        self._settings = context.settings
        self._new_id = _request_ids()
        self._unlogged = itertools.count(1)
        self._pauses = threading.BoundedSemaphore(context.settings.hash_queue)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        started = time.perf_counter()
        environ[CONTEXT] = self._context
        self._dialects.select(environ)
        client_id = environ.get("HTTP_X_REQUEST_ID")
        request_id = environ[REQUEST_ID] = (
            client_id if client_id and _CLIENT_ID.fullmatch(client_id) else self._new_id()
        )
        response = self._fast_path.answer(environ) if self._fast_path else None
        if response is None and (route := normalize(environ)) and self._fast_path:
            response = self._fast_path.answer(environ, route)
        if response is None:
            return self._by_flask(environ, self._completed(start_response, environ, started))
        status, headers, body, cacheable = response
        self._observe(environ, status, started)
        fixed = _ALL_CACHEABLE if cacheable else _ALL
        start_response(status, [*headers, *fixed, ("X-Request-ID", request_id)])
        return (body,) if body else ()

    def _by_flask(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            return self._application(environ, start_response)
        except Exception:  # noqa: BLE001 - outside of Flask's handling, such as an invalid header
            status, headers, body, _ = internal_error(environ[REQUEST_ID])
            start_response(status, headers)
            return (body,)

    def _completed(
        self, start_response: StartResponse, environ: WSGIEnvironment, started: float
    ) -> StartResponse:
        def start(
            status: str,
            headers: list[tuple[str, str]],
            exc_info: Any = None,  # noqa: ANN401 - PEP 3333
        ) -> Callable[[bytes], object]:
            self._observe(environ, status, started)
            if environ.get(REPEATED):
                self._pause()
            names = dict(headers)
            policy = () if _POLICY in names else _DEFAULT_POLICY
            reserved, fixed = _fixed_headers(environ)
            kept = (
                headers
                if reserved.isdisjoint(names)
                else [header for header in headers if header[0] not in reserved]
            )
            return start_response(
                status, [*kept, *fixed, *policy, ("X-Request-ID", environ[REQUEST_ID])], exc_info
            )

        return start

    def _pause(self) -> None:
        # Slows down clients that repeat refused requests, so that they do not use up the processor.
        # The semaphore bounds how many threads wait here.
        if self._pauses.acquire(blocking=False):
            time.sleep(_PAUSE_SECONDS)
            self._pauses.release()

    def _sampled(self) -> bool:
        every = self._settings.log_sample
        return bool(every) and next(self._unlogged) % every == 0

    def _observe(self, environ: WSGIEnvironment, line: str, started: float) -> None:
        seconds = time.perf_counter() - started
        status = int(line[:3])
        method = environ["REQUEST_METHOD"]
        method = method if method in _METHODS else "(other)"
        dialect = environ[DIALECT].name
        route = environ.get(ROUTE, NO_ROUTE)
        self._metrics.answered(dialect, method, route, status, seconds=seconds)
        if not (self._is_logged(environ, method, status) or self._sampled()):
            return
        fields = {
            "request_id": environ[REQUEST_ID],
            "dialect": dialect,
            "method": method,
            "path": route,  # not the requested path, which may contain a misplaced token
            "status": status,
            "milliseconds": round(seconds * 1000, 2),
            "ip": client_ip(environ, self._settings.trusted_proxies),
        }
        _log.info("request", extra={"fields": fields})

    def _is_logged(self, environ: WSGIEnvironment, method: str, status: int) -> bool:
        mode = self._settings.log_requests
        if mode != "changes":
            return mode == "all"
        if environ.get(REPEATED):  # a flood of refusals must not fill the disk
            return False
        return method not in SAFE_METHODS or status >= HTTPStatus.BAD_REQUEST


def _fixed_headers(
    environ: WSGIEnvironment,
) -> tuple[frozenset[str], Iterable[tuple[str, str]]]:
    """Return the names of the headers that a view may not set, and the headers to add instead."""
    if PUBLISHED in environ:
        return _RESERVED, (*environ[PUBLISHED], *_ALWAYS)
    if environ.get(CACHEABLE):
        return _RESERVED_CACHEABLE, _CACHEABLE_HEADERS
    return _RESERVED, _HEADERS


def _request_ids() -> Callable[[], str]:
    """Return a function that makes ids which are unique across processes."""
    process = secrets.token_hex(4)
    numbers = itertools.count()
    return lambda: f"{process}{next(numbers):08x}"


def install(app: Flask, context: Context, dialects: DialectRegistry) -> None:
    """Wrap `app` in the middleware."""
    wrapped: WSGIApplication = Middleware(app.wsgi_app, context, dialects, FastPath(context))
    if context.settings.allowed_origins:
        wrapped = Cors(wrapped, context.settings.allowed_origins)
    app.wsgi_app = wrapped  # type: ignore[assignment, method-assign]
    app.before_request(check_request)
