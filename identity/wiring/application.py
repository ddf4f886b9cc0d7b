"""The application: settings, adapters, services, blueprints, handlers. Runs once, decides nothing later."""

from __future__ import annotations

import logging
import os

from flask import Flask

from identity import extensions
from identity.adapters.clock import SystemClock
from identity.adapters.logs import log_to_stderr
from identity.adapters.metrics import PrometheusMetrics
from identity.api import NATIVE
from identity.dialects import DIALECTS
from identity.domain.ports import Clock
from identity.services import Services
from identity.settings import PREFIX, Settings
from identity.settings.readers import SettingError
from identity.web import guard
from identity.web.application import Application
from identity.web.context import Context
from identity.web.dialect import Tongues
from identity.web.paths import AccountId, Serial, SessionId
from identity.wiring.services import build_services
from identity.wiring.state import prepare_state
from identity.wiring.tools import Tools


def application(config: object | None, clock: Clock | None) -> Flask:
    """Return a ready application; see `identity.create_app`."""
    values = os.environ if config is None else getattr(config, PREFIX.rstrip("_"))
    log_to_stderr()
    return _build(Settings.load(values), config, clock or SystemClock())


def start() -> tuple[Settings, Services]:
    """Return the settings of the environment and the use cases, for a command.

    Raises:
        SettingError: a setting is unknown, unreadable or unsafe.
        DataDirectoryError: the data directory cannot be used.
    """
    logging.getLogger("identity").addHandler(logging.NullHandler())  # a command speaks in its own line
    settings = Settings.from_environment()
    return settings, _build(settings, None, SystemClock()).extensions["identity"].services


def _build(settings: Settings, config: object | None, clock: Clock) -> Flask:
    keys = prepare_state(settings, clock.now())
    app = Application("identity", static_folder=None)
    app.config.from_object(config)
    if app.debug and settings.hardened:
        raise SettingError("FLASK_DEBUG: a hardened service does not run in debug mode")
    app.url_map.merge_slashes = False  # a redirect would be built from the caller's Host
    app.url_map.strict_slashes = False
    app.url_map.converters |= {"account": AccountId, "session": SessionId, "serial": Serial}
    engine = extensions.connect(app, settings)
    spoken = [DIALECTS[name] for name in sorted(settings.dialects)]
    tongues = Tongues(NATIVE, spoken, settings.dialect_hosts)
    services = build_services(settings, Tools.of(settings, engine, keys, clock), keys)
    here = Context(settings, services, tongues, PrometheusMetrics(services.directory.state))
    here.install(app)
    guard.install(app, here)
    tongues.install(app)
    return app
