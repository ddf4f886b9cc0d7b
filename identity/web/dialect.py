"""A dialect, and how the service knows which one it is spoken to in: settled before any route is."""

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
    """An answer that needs no Flask."""

    status: str
    headers: list[tuple[str, str]]
    body: bytes = b""
    cacheable: bool = False  # its headers say for how long


FastHandler = Callable[["Principal", Context], RawResponse]
FastRefusal = Callable[[Exception, "WSGIEnvironment"], RawResponse]


class FastRoute(NamedTuple):
    """A call that the fast path may answer: for a principal, or for an error as its route would."""

    answer: FastHandler
    refuse: FastRefusal


class Question(NamedTuple):
    """What a proxy asks about a request: the path of the route, and the call that answers."""

    path: str
    call: FastRoute


@dataclass(frozen=True, slots=True)
class Dialect:
    """One document's way to say things.

    Args:
        name: how settings, metrics and the audit trail call it.
        prefix: the first path segment that names it; empty for the native dialect at the root.
        blueprints: its calls.
        spell: its words for a refusal.
        base: a longer base that the document names and whose calls are the same.
        query_token: the query parameter in which its clients may send a token.
        fast: of its calls, by path, those that `web.middleware.fast_path` may answer.
        question: reads a path under which proxies ask about requests, see
            `web.requests.forward_auth`; None for other paths.
    """

    name: str
    prefix: str
    blueprints: tuple[Blueprint, ...]
    spell: Callable[[Problem], Response]
    base: str = ""
    query_token: str = ""
    fast: Mapping[str, FastRoute] = field(default_factory=dict)
    question: Callable[[str], Question | None] | None = None


class DialectRegistry:
    """All dialects of an application.

    Args:
        native: spoken where no other is named.
        others: spoken under their prefix.
        hosts: host names that speak one of the others, at their root and nothing else.
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
        """The prefixes of the dialects beside the native one, by name."""
        return {dialect.name: dialect.prefix for dialect in self._others.values()}

    def select(self, environ: WSGIEnvironment) -> None:
        """Note in the request which dialect it speaks, and bring its path to the one form that is routed."""
        path: str = environ["PATH_INFO"]
        if self._hosts and (bound := self._bound(environ.get("HTTP_HOST", "").lower())):
            environ["PATH_INFO"] = bound.prefix + _short(path, bound.base)
            environ[DIALECT] = bound
            return
        end = path.find("/", 1)
        prefix = path[:end] if end > 0 else path
        dialect = environ[DIALECT] = self._others.get(prefix, self.native)
        if dialect.base:
            environ["PATH_INFO"] = prefix + _short(path[len(prefix) :], dialect.base)

    def _bound(self, host: str) -> Dialect | None:
        name, colon, port = host.partition(":")
        name = name.removesuffix(
            "."
        )  # the root's dot: one host, also for whoever would step around a binding
        return self._hosts.get(name + colon + port) or self._hosts.get(name)

    def install(self, app: Flask) -> None:
        """Give `app` every call, and every refusal its dialect's spelling."""
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


def _short(path: str, base: str) -> str:
    return path[len(base) :] if base and path.startswith(f"{base}/") else path
