"""Flask without what no request here needs: cookies, coroutines, and addresses built from the caller's Host."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from flask import Flask, Request
from flask.sessions import NullSession, SessionInterface
from werkzeug.routing import MapAdapter, Rule

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from flask.sessions import SessionMixin

Function = TypeVar("Function", bound="Callable[..., Any]")

# Stands where a link with a host would be built; ours come from IDENTITY_PUBLIC_URL or say so where they are made.
_NOWHERE: Final = "host.invalid"


class NoCookies(SessionInterface):
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

    session_interface = NoCookies()
    url_rule_class = _Matched

    def ensure_sync(self, func: Function) -> Function:
        """Take every function as it is: none of ours is a coroutine, and asking costs on each request."""
        return func

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Route by method and path alone: the tongue has already been settled by the host."""
        if request is None:
            return None
        environ = request.environ
        path = environ["PATH_INFO"]
        if not path.isascii():  # bytes, spelled as Latin-1 (PEP 3333)
            path = path.encode("latin-1").decode("utf-8", "replace")
        return MapAdapter(
            self.url_map, _NOWHERE, request.root_path, "", request.scheme, path, environ["REQUEST_METHOD"]
        )
