"""Flask without what no request here needs: cookies, coroutines, and addresses built from the caller's Host."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, TypeVar

from flask import Flask, Request
from flask.sessions import NullSession, SessionInterface
from werkzeug.routing import MapAdapter, Rule

from identity.web.dialect import Dialect
from identity.web.environ import DIALECT

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from flask.sessions import SessionMixin

Function = TypeVar("Function", bound="Callable[..., Any]")

# What kinder parsers drop from a path: empty segments and those of dots (RFC 3986 section 6.2.2.3).
_OTHERWISE: Final = re.compile(r"//|/\.\.?(?:/|$)")
# Matches no route: nothing else stands in its place, and a request that holds NUL is refused.
_NO_PATH: Final = "/\0"
# Stands where a link with a host would be built; ours come from IDENTITY_PUBLIC_URL or say so where they are made.
_NOWHERE: Final = "host.invalid"


class SessionlessInterface(SessionInterface):
    """Opens no session, so that no answer ever sets a cookie and none is ever read."""

    def __init__(self) -> None:
        self._nothing = NullSession()  # refuses every write, so one serves all

    def open_session(self, app: Flask, request: Request) -> SessionMixin:  # noqa: ARG002 - Flask's signature
        """Return the session in which nothing can be kept."""
        return self._nothing


class _Matched(Rule):
    """A route that requests are matched with, and from which no address is ever built.

    Compiling what would build one is most of the work of making an application.
    """

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:  # noqa: ARG002, FBT001, FBT002 - Werkzeug's signature
        return _never_built


def _never_built(*_: object, **__: object) -> tuple[str, str]:
    raise NotImplementedError


class Application(Flask):
    """The service as Flask sees it."""

    session_interface = SessionlessInterface()
    url_rule_class = _Matched
    pages: frozenset[str] = frozenset()  # paths that are answered with a slash behind them, too

    def ensure_sync(self, func: Function) -> Function:
        """Take every function as it is: none of ours is a coroutine, and asking costs on each request."""
        return func

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Route by method and path alone: the dialect has already been settled by the host."""
        if request is None:
            return None
        environ = request.environ
        path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"]
        if _OTHERWISE.search(path) or not self._ends_well(path, environ[DIALECT]):
            path = _NO_PATH
        return MapAdapter(
            self.url_map, _NOWHERE, request.root_path, "", request.scheme, _text(path), method
        )

    def _ends_well(self, path: str, dialect: Dialect) -> bool:
        """Tell whether a path ends as its one spelling does: Werkzeug by itself takes /metrics/ for /metrics.

        A slash at the end does not count in the documents of dialects with a prefix.
        """
        return (
            not path.endswith("/") or bool(dialect.prefix) or path == "/" or path[:-1] in self.pages
        )


def _text(path: str) -> str:
    """Return what the bytes of a path spell, which PEP 3333 shows as Latin-1."""
    try:
        return path if path.isascii() else path.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return _NO_PATH
