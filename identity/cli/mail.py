"""Sending the mail that is due: beside the server, or as a process of its own."""

from __future__ import annotations

import argparse
import logging
import threading
import time
from typing import Final, NoReturn

from identity.domain.errors import IdentityError
from identity.services import Services
from identity.settings import Settings

_log = logging.getLogger("identity.mail")
_PAUSE_SECONDS: Final = 1.0


def send_mail(_options: argparse.Namespace, _settings: Settings, services: Services) -> NoReturn:
    """Send what is due, and go on."""
    print("Sending mail. Ctrl-C ends it.", flush=True)
    _send_on(services)


def start_sender(services: Services) -> None:
    """Send in a thread beside the server; several servers do not get in each other's way."""
    threading.Thread(
        target=_send_beside, args=(services,), name="identity-mail", daemon=True
    ).start()


def _send_beside(services: Services) -> NoReturn:
    time.sleep(_PAUSE_SECONDS)  # a start has enough to do
    _send_on(services)


def _send_on(services: Services) -> NoReturn:
    while True:
        try:
            services.outbox.send_due()
        except IdentityError as error:
            _log.warning("mail waits: %s", error.code)
        time.sleep(_PAUSE_SECONDS)
