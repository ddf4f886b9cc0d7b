"""Dialects, and how a request is assigned to one before it is routed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, cast

from flask import Blueprint, Flask, Response, request

from identity.domain.errors import RetryLater
from identity.web.context import Context
from identity.web.environ import DIALECT, REPEATED
from identity.web.problems import Problem, describe

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

    from identity.domain.principal import Principal


class RawResponse(NamedTuple):
    """A response that is built without Flask."""

    status: str
    headers: list[tuple[str, str]]
    body: bytes = b""
    cacheable: bool = False  # its own headers say for how long


FastHandler = Callable[["Principal", Context], RawResponse]
FastRefusal = Callable[[Exception, "WSGIEnvironment"], RawResponse]


class FastRoute(NamedTuple):
    """A route that the fast path may answer: for a principal, or for an error."""

    answer: FastHandler
    refuse: FastRefusal


class ProxyQuestion(NamedTuple):
    """A forward-authentication question: the path of its route, and the fast route that answers."""

    path: str
    route: FastRoute


@dataclass(frozen=True, slots=True)
class Dialect:
    """The routes and error format of one API document.

    Args:
        name: its name in settings, metrics and the audit log.
        prefix: the first path segment; empty for the native dialect at the root.
        blueprints: its routes.
        spell: renders an error in its format.
        base: a longer base path in the document, with the same routes below it.
        query_token: the query parameter in which its clients may send a token.
        fast: the routes that `web.middleware.fast_path` may answer, by path.
        proxy_question: parses a forward-authentication path, see `web.requests.forward_auth`;
            returns None for other paths.
    """

    name: str
    prefix: str
    blueprints: tuple[Blueprint, ...]
    spell: Callable[[Problem], Response]
    base: str = ""
    query_token: str = ""
    fast: Mapping[str, FastRoute] = field(default_factory=dict)
    proxy_question: Callable[[str], ProxyQuestion | None] | None = None


class DialectRegistry:
    """All dialects of an application.

    Args:
        native: the dialect at the root.
        others: the dialects that are served under their prefix.
        hosts: bound hosts, each of which serves one of the others at its root and nothing else.
    """

    def __init__(
        self, native: Dialect, others: Iterable[Dialect], hosts: Mapping[str, str]
    ) -> None:
        self.native = native
        self._others = {dialect.prefix: dialect for dialect in others}
        by_name = {dialect.name: dialect for dialect in self._others.values()}
        self._hosts = {host: by_name[name] for host, name in hosts.items() if name in by_name}

    @property
    def others(self) -> Mapping[str, str]:
        """The prefixes of all but the native dialect, by name."""
        return {dialect.name: dialect.prefix for dialect in self._others.values()}

    def select(self, environ: WSGIEnvironment) -> None:
        """Set the dialect of a request, and rewrite its path to the one that is routed."""
        path: str = environ["PATH_INFO"]
        if self._hosts and (bound := self._bound(environ.get("HTTP_HOST", "").lower())):
            environ["PATH_INFO"] = bound.prefix + _without_base(path, bound.base)
            environ[DIALECT] = bound
            return
        end = path.find("/", 1)
        prefix = path[:end] if end > 0 else path
        dialect = environ[DIALECT] = self._others.get(prefix, self.native)
        if dialect.base:
            environ["PATH_INFO"] = prefix + _without_base(path[len(prefix) :], dialect.base)

    def _bound(self, host: str) -> Dialect | None:
        name, colon, port = host.partition(":")
        # A trailing dot names the same host, so that it cannot be used to avoid the binding.
        name = name.removesuffix(".")
        return self._hosts.get(name + colon + port) or self._hosts.get(name)

    def install(self, app: Flask) -> None:
        """Register all routes on `app`, and render each error in the dialect of its request."""
        for dialect in (*self._others.values(), self.native):
            for blueprint in dialect.blueprints:
                app.register_blueprint(
                    blueprint, url_prefix=dialect.prefix + (blueprint.url_prefix or "") or None
                )
        app.register_error_handler(Exception, _refuse)


def _refuse(error: Exception) -> Response:
    request.environ[REPEATED] = isinstance(error, RetryLater) and error.repeated
    return current_dialect().spell(describe(error))


def current_dialect() -> Dialect:
    """Return the dialect of the current request."""
    return cast("Dialect", request.environ[DIALECT])


def _without_base(path: str, base: str) -> str:
    return path[len(base) :] if base and path.startswith(f"{base}/") else path
