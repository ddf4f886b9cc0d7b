"""Telling the other nodes that this one is there, and with which keys, beside the server."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn

from identity.domain.errors import IdentityError
from identity.services import Services
from identity.services.maintenance.key_agreement import BEAT_SECONDS


@contextmanager
def known_to_others(services: Services) -> Iterator[None]:
    """Let the other nodes know of this one until it ends; keys that do not fit are in the log and on `/readyz`."""
    _beat(services)  # before anything is answered
    threading.Thread(target=_beat_on, args=(services,), name="identity-node", daemon=True).start()
    yield
    with suppress(IdentityError):  # then they notice within half a minute
        services.key_agreement.leave()


def _beat_on(services: Services) -> NoReturn:
    while True:
        time.sleep(BEAT_SECONDS)
        _beat(services)


def _beat(services: Services) -> None:
    with suppress(IdentityError):  # it is in the log, or comes the next time
        services.key_agreement.require()
