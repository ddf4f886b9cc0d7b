"""The Flask application, without cookies and without URLs from the caller's Host header."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from flask import Flask, Request
from flask.sessions import NullSession, SessionInterface
from werkzeug.routing import MapAdapter

from identity.web.dialect import Dialect
from identity.web.environ import DIALECT

if TYPE_CHECKING:
    from flask.sessions import SessionMixin

# Empty and dot segments, which lenient parsers drop from a path (RFC 3986 section 6.2.2.3).
_NOT_NORMALIZED: Final = re.compile(r"//|/\.\.?(?:/|$)")
# Matches no route, as a request whose path contains NUL is refused.
_NO_PATH: Final = "/\0"
# Werkzeug needs a host to build external URLs. Ours come from IDENTITY_PUBLIC_URL instead, or from
# `web.requests.hosts`.
_NO_HOST: Final = "host.invalid"


class SessionlessInterface(SessionInterface):
    """Opens no session, so that no cookie is ever read or set."""

    def __init__(self) -> None:
        self._session = NullSession()  # refuses every write, so one instance is enough

    def open_session(self, app: Flask, request: Request) -> SessionMixin:  # noqa: ARG002 - Flask's signature
        """Return the session that stores nothing."""
        return self._session


class Application(Flask):
    """The Flask application."""

    session_interface = SessionlessInterface()
    pages: frozenset[str] = frozenset()  # paths that are also served with a trailing slash

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Route by method and path alone, as the host has already selected the dialect."""
        if request is None:
            return None
        environ = request.environ
        path = environ["PATH_INFO"]
        method = environ["REQUEST_METHOD"]
        if _NOT_NORMALIZED.search(path) or not self._is_end_allowed(path, environ[DIALECT]):
            path = _NO_PATH
        return MapAdapter(
            self.url_map, _NO_HOST, request.root_path, "", request.scheme, _decoded(path), method
        )

    def _is_end_allowed(self, path: str, dialect: Dialect) -> bool:
        """Return whether a path may end as it does; Werkzeug would take /metrics/ for /metrics.

        The documents of the dialects with a prefix allow a trailing slash.
        """
        return (
            not path.endswith("/") or bool(dialect.prefix) or path == "/" or path[:-1] in self.pages
        )


def _decoded(path: str) -> str:
    """Decode a path as UTF-8; PEP 3333 passes its bytes as Latin-1."""
    try:
        return path if path.isascii() else path.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return _NO_PATH
