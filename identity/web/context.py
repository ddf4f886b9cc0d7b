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
class EdgeOptions:
    """The few settings that the native API and the dialects follow.

    Args:
        public_url: the base URL of the service; empty: that of the request.
        metrics_token: the bearer token of the metrics; empty: anyone may read them.
        forward_headers: the sets of headers that name the caller to a proxy.
    """

    public_url: str
    metrics_token: str
    forward_headers: frozenset[str]


@dataclass(frozen=True, slots=True)
class Context:
    """What an application provides to its requests. The settings are for `web` alone."""

    settings: Settings
    edge: EdgeOptions
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
