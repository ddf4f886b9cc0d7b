"""The use cases over a bound database: what every command needs, and what the application is built around."""

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
    """Return an application without any call yet, and the use cases.

    Args:
        settings: of the service.
        config: for Flask.
        clock: the time.
        make: False where nothing in the data directory may be made or changed.
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
        make: False for a command that only looks, so that it leaves nothing where it is run.

    Raises:
        SettingError: a setting is unknown, unreadable or unsafe.
        DataDirectoryError: the data directory cannot be used.
    """
    logging.getLogger("identity").addHandler(
        logging.NullHandler()
    )  # a command speaks in its own line
    settings = Settings.from_environment()
    return settings, core(settings, None, SystemClock(), make=make)[1]
