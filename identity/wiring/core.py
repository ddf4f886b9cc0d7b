"""Builds the use cases over a database, for commands and for the application."""

from __future__ import annotations

import logging

from identity import extensions
from identity.adapters.clock import SystemClock
from identity.domain.ports import Clock
from identity.services import Services
from identity.settings import Settings
from identity.settings.readers import SettingError
from identity.web.middleware.application import Application
from identity.wiring.infrastructure import Infrastructure
from identity.wiring.services import build_services
from identity.wiring.state import authority, prepare_state


def core(
    settings: Settings, config: object | None, clock: Clock, *, make: bool = True
) -> tuple[Application, Services]:
    """Return an application without routes, and the use cases.

    Args:
        settings: of the service.
        config: for Flask.
        clock: the clock.
        make: False if nothing in the data directory may be created or changed.
    """
    keys = prepare_state(settings, clock.now(), make=make)
    app = Application("identity", static_folder=None)
    app.config.from_object(config)
    if app.debug and settings.hardened:
        raise SettingError("FLASK_DEBUG: a hardened service does not run in debug mode")
    engine = extensions.connect(app, settings)
    tools = Infrastructure.build(settings, engine, keys, clock)
    return app, build_services(settings, tools, keys, authority(settings, clock.now(), make=make))


def start(*, make: bool) -> tuple[Settings, Services]:
    """Return the settings of the environment and the use cases, for a command.

    Args:
        make: False for a read-only command, which must create no files.

    Raises:
        SettingError: a setting is unknown, invalid or unsafe.
        DataDirectoryError: the data directory cannot be used.
    """
    # A command reports errors itself, in one line.
    logging.getLogger("identity").addHandler(logging.NullHandler())
    settings = Settings.from_environment()
    return settings, core(settings, None, SystemClock(), make=make)[1]
