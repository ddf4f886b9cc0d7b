"""Around every request: its id, the headers no answer goes without, its count and its log line.

A layer of plain WSGI, because it is on the path of every token check and sees even answers that Flask never made.
"""

from __future__ import annotations

import itertools
import logging
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

from flask import Flask

from identity.web.context import Context
from identity.web.dialect import DialectRegistry
from identity.web.environ import CACHEABLE, CONTEXT, DIALECT, REPEATED, REQUEST_ID, ROUTE
from identity.web.middleware import request_checks as prechecks
from identity.web.middleware.cors import Cors
from identity.web.middleware.fast_path import FastPath
from identity.web.middleware.mistakes import answer_mistake
from identity.web.middleware.request_checks import NO_ROUTE
from identity.web.peers import client_ip
from identity.web.published import PUBLISHED
from identity.web.requests.cross_site import SAFE_METHODS
from identity.web.requests.forward_auth import simplify

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_log = logging.getLogger("identity.requests")
_GIVEN_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_METHODS: Final = SAFE_METHODS | {"POST", "PUT", "PATCH", "DELETE"}
_PAUSE_SECONDS: Final = 0.005  # some fifty times what the refusal takes

# An API has no pages, frames or scripts, and nothing it says is for a cache or another site's reader unless published.
_ALWAYS: Final = (("Referrer-Policy", "no-referrer"), ("X-Content-Type-Options", "nosniff"))
_HEADERS: Final = (
    ("Cache-Control", "no-store"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    *_ALWAYS,
)
_CACHED: Final = _HEADERS[1:]  # of an answer that says itself for how long it may be kept
_OWN: Final = frozenset(dict(_HEADERS))
_OWN_CACHED: Final = frozenset(dict(_CACHED))
_POLICY: Final = "Content-Security-Policy"
_DEFAULT_POLICY: Final = ((_POLICY, "default-src 'none'; frame-ancestors 'none'"),)
_ALL: Final = (*_HEADERS, *_DEFAULT_POLICY)
_ALL_CACHED: Final = (*_CACHED, *_DEFAULT_POLICY)


class Middleware:
    """Wraps an application.

    Args:
        application: answers what the fast path does not.
        here: what the application keeps for its requests.
        dialects: tells which dialect a request speaks.
        fast_path: answers some requests by itself.
    """

    def __init__(
        self,
        application: WSGIApplication,
        here: Context,
        dialects: DialectRegistry,
        fast_path: FastPath | None = None,
    ) -> None:
        self._application = application
        self._fast_path = fast_path
        self._here = here
        self._dialects = dialects
        self._metrics = here.metrics
        self._settings = here.settings
        self._new_id = _request_ids()
        self._unlogged = itertools.count(1)
        self._slowed = threading.BoundedSemaphore(here.settings.hash_queue)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        started = time.perf_counter()
        environ[CONTEXT] = self._here
        self._dialects.select(environ)
        given = environ.get("HTTP_X_REQUEST_ID")
        request_id = environ[REQUEST_ID] = (
            given if given and _GIVEN_ID.fullmatch(given) else self._new_id()
        )
        plain = self._fast_path.answer(environ) if self._fast_path else None
        if plain is None and (question := simplify(environ)) and self._fast_path:
            plain = self._fast_path.answer(environ, question)
        if plain is None:
            return self._answered(environ, self._completing(start_response, environ, started))
        status, headers, body, cacheable = plain
        self._observe(environ, status, started)
        fixed = _ALL_CACHED if cacheable else _ALL
        start_response(status, [*headers, *fixed, ("X-Request-ID", request_id)])
        return (body,) if body else ()

    def _answered(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            return self._application(environ, start_response)
        except Exception:  # noqa: BLE001 - what Flask let through, such as a header that cannot be sent
            status, headers, body, _ = answer_mistake(environ[REQUEST_ID])
            start_response(status, headers)
            return (body,)

    def _completing(
        self, start_response: StartResponse, environ: WSGIEnvironment, started: float
    ) -> StartResponse:
        def start(
            status: str,
            headers: list[tuple[str, str]],
            exc_info: Any = None,  # noqa: ANN401 - PEP 3333
        ) -> Callable[[bytes], object]:
            self._observe(environ, status, started)
            if environ.get(REPEATED):
                self._let_others_go_first()
            given = dict(headers)
            policy = () if _POLICY in given else _DEFAULT_POLICY
            own, fixed = _told(environ)
            kept = (
                headers
                if own.isdisjoint(given)
                else [header for header in headers if header[0] not in own]
            )
            return start_response(
                status, [*kept, *fixed, *policy, ("X-Request-ID", environ[REQUEST_ID])], exc_info
            )

        return start

    def _let_others_go_first(self) -> None:
        # Whoever asks again and again, past the lane, must not use up the processor either. Few threads wait so.
        if self._slowed.acquire(blocking=False):
            time.sleep(_PAUSE_SECONDS)
            self._slowed.release()

    def _sampled(self) -> bool:
        every = self._settings.log_sample
        return bool(every) and next(self._unlogged) % every == 0

    def _observe(self, environ: WSGIEnvironment, line: str, started: float) -> None:
        status, seconds = int(line[:3]), time.perf_counter() - started
        method = environ["REQUEST_METHOD"]
        method = method if method in _METHODS else "(other)"
        dialect, route = environ[DIALECT].name, environ.get(ROUTE, NO_ROUTE)
        self._metrics.answered(dialect, method, route, status, seconds=seconds)
        wanted = self._settings.log_requests
        # What is told again is no news: a flood of refusals must not fill the disk.
        told = (method not in SAFE_METHODS or status >= 400) and not environ.get(REPEATED)  # noqa: PLR2004 - refusals begin here
        quiet = wanted != "all" and (wanted == "none" or not told)
        if quiet and not self._sampled():
            return
        fields = {
            "request_id": environ[REQUEST_ID],
            "dialect": dialect,
            "method": method,
            "path": route,  # never what was asked: it may hold anything, also a misplaced token
            "status": status,
            "milliseconds": round(seconds * 1000, 2),
            "ip": client_ip(environ, self._settings.trusted_proxies),
        }
        _log.info("request", extra={"fields": fields})


def _told(environ: WSGIEnvironment) -> tuple[frozenset[str], Iterable[tuple[str, str]]]:
    """Return the headers that an answer may not set by itself, and those that stand in their place."""
    if PUBLISHED in environ:
        return _OWN, (*environ[PUBLISHED], *_ALWAYS)
    return (_OWN_CACHED, _CACHED) if environ.get(CACHEABLE) else (_OWN, _HEADERS)


def _request_ids() -> Callable[[], str]:
    """Return a maker of ids that are new in every process and for every request."""
    process, numbers = secrets.token_hex(4), itertools.count()
    return lambda: f"{process}{next(numbers):08x}"


def install(app: Flask, here: Context, dialects: DialectRegistry) -> None:
    """Put the guard around `app`."""
    app.wsgi_app = Middleware(app.wsgi_app, here, dialects, FastPath(here))  # type: ignore[method-assign]
    if here.settings.allowed_origins:
        app.wsgi_app = Cors(app.wsgi_app, here.settings.allowed_origins)  # type: ignore[method-assign]
    app.before_request(prechecks.judge)
