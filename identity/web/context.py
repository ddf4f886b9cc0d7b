"""What belongs to one request: its id, where it came from, and the services it may use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, cast

from flask import Flask, current_app, request

from identity.domain.principal import Origin
from identity.services import Services
from identity.settings import Settings
from identity.web.environ import DIALECT, REQUEST_ID
from identity.web.peers import client_ip

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_KEY: Final = "identity"


class Metrics(Protocol):
    """Where answered requests are counted and shown."""

    def answered(
        self, dialect: str, method: str, route: str, status: int, *, seconds: float
    ) -> None:
        """Count one answered request."""

    def publish(self) -> None:
        """Let the other workers see what this process says of itself; to be called now and then."""

    def exposition(self) -> tuple[bytes, str]:
        """Return everything counted, and its content type."""


@dataclass(frozen=True, slots=True)
class Context:
    """What an application keeps for its requests."""

    settings: Settings
    services: Services
    metrics: Metrics
    dialects: Mapping[str, str]  # the prefixes of the dialects that are on, by name

    def install(self, app: Flask) -> None:
        """Make this the context of `app`."""
        app.extensions[_KEY] = self


def context() -> Context:
    """Return the current application's context."""
    return cast("Context", current_app.extensions[_KEY])


def services() -> Services:
    """Return the use cases of the current application."""
    return context().services


def request_id() -> str:
    """Return the request's id: the caller's own `X-Request-ID` where it is a plain word, else a new one."""
    return cast("str", request.environ[REQUEST_ID])


def origin() -> Origin:
    """Return where the current request came from."""
    return origin_of(request.environ, context().settings)


def origin_of(environ: WSGIEnvironment, settings: Settings) -> Origin:
    """Return where a request came from."""
    ip = client_ip(environ, settings.trusted_proxies)
    return Origin(ip, environ[REQUEST_ID], environ[DIALECT].name)
