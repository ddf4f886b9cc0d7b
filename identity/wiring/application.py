"""Builds the application from its use cases and dialects."""

from __future__ import annotations

import os

from flask import Flask

from identity.adapters.clock import SystemClock
from identity.adapters.logs import log_to_stderr
from identity.adapters.metrics.recorder import PrometheusMetrics
from identity.api import NATIVE
from identity.dialects import DIALECTS
from identity.domain.ports import Clock
from identity.server import slow_clients
from identity.settings import PREFIX, Settings
from identity.web.context import Context, EdgeOptions
from identity.web.dialect import DialectRegistry
from identity.web.middleware import middleware
from identity.web.requests import body_reads
from identity.web.requests.converters import AccountId, Serial, SessionId
from identity.wiring.core import core


def create_app(config: object | None = None, *, clock: Clock | None = None) -> Flask:
    """Return the application.

    Args:
        config: an object whose `IDENTITY` maps `IDENTITY_…` names to texts, such as
            `config.Config`; None: the process environment.
        clock: a clock for tests; None: the system's.

    Raises:
        SettingError: a setting is unknown, invalid or unsafe.
        DataDirectoryError: the data directory cannot be used.
    """
    values = os.environ if config is None else getattr(config, PREFIX.rstrip("_"))
    log_to_stderr()
    settings = Settings.load(values)
    app, services = core(settings, config, clock or SystemClock())
    # No redirects to another spelling of a path, which would be built from the caller's Host.
    app.url_map.merge_slashes = False
    app.url_map.strict_slashes = False
    app.pages = frozenset({"/docs"})
    app.url_map.converters |= {"account": AccountId, "session": SessionId, "serial": Serial}
    others = [DIALECTS[name] for name in sorted(settings.dialects)]
    dialects = DialectRegistry(NATIVE, others, settings.dialect_hosts)
    metrics = PrometheusMetrics(services.tokens.state)
    edge = EdgeOptions(settings.public_url, settings.metrics_token, settings.forward_headers)
    context = Context(settings, edge, services, metrics, dialects.others)
    context.install(app)
    body_reads.install(app, slow_clients.shut_down)
    middleware.install(app, context, dialects)
    dialects.install(app)
    return app
