"""The context of a request: its id and origin, the settings, and the use cases."""

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
    """Counts requests and exposes the counters."""

    def answered(
        self, dialect: str, method: str, route: str, status: int, *, seconds: float
    ) -> None:
        """Count one request."""

    def publish(self) -> None:
        """Publish this process's own figures to the other workers; to be called periodically."""

    def exposition(self) -> tuple[bytes, str]:
        """Return all metrics as text, and the content type."""


@dataclass(frozen=True, slots=True)
class Context:
    """What an application provides to its requests."""

    settings: Settings
    services: Services
    metrics: Metrics
    dialects: Mapping[str, str]  # prefixes of the enabled dialects, by name

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
    """Return the request id: the client's `X-Request-ID` if it is a plain word, else a new one."""
    return cast("str", request.environ[REQUEST_ID])


def origin() -> Origin:
    """Return the origin of the current request."""
    return origin_of(request.environ, context().settings)


def origin_of(environ: WSGIEnvironment, settings: Settings) -> Origin:
    """Return the origin of a request."""
    ip = client_ip(environ, settings.trusted_proxies)
    return Origin(ip, environ[REQUEST_ID], environ[DIALECT].name)
