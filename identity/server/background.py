"""Background threads of the serving process: mail delivery, pruning and the node's heartbeat."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final, NoReturn

from identity.domain.errors import IdentityError
from identity.services import Services
from identity.services.maintenance.key_agreement import BEAT_SECONDS

_mail_log = logging.getLogger("identity.mail")
_prune_log = logging.getLogger("identity.prune")
_MAIL_SECONDS: Final = 1.0
_PRUNE_FIRST_SECONDS: Final = 2.0  # so that pruning does not slow down the start
_PRUNE_SECONDS: Final = 600.0
_PRUNE_STEP_SECONDS: Final = 0.1


def start_sender(services: Services) -> None:
    """Start to send due mails; several nodes may do so at once."""

    def send() -> NoReturn:
        time.sleep(_MAIL_SECONDS)  # so that it does not slow down the start
        send_mail_forever(services)

    _start("identity-mail", send)


def send_mail_forever(services: Services) -> NoReturn:
    """Send due mails every second."""
    while True:
        try:
            services.outbox.send_due()
        except IdentityError as error:
            _mail_log.warning("mail delivery paused: %s", error.code)
        time.sleep(_MAIL_SECONDS)


def start_pruning(services: Services) -> None:
    """Start to delete expired rows every ten minutes; several nodes may do so at once."""

    def prune() -> NoReturn:
        time.sleep(_PRUNE_FIRST_SECONDS)
        while True:
            try:
                for _ in services.pruning.steps():
                    time.sleep(_PRUNE_STEP_SECONDS)
            except IdentityError as error:
                _prune_log.warning("pruning paused: %s", error.code)
            time.sleep(_PRUNE_SECONDS)

    _start("identity-prune", prune)


@contextmanager
def keep_node_registered(services: Services) -> Iterator[None]:
    """Report this node and the names of its keys to the other nodes until the block ends.

    If its keys differ from those of other nodes, that is logged and shown by `/readyz`.
    """

    def report() -> None:
        with suppress(IdentityError):  # logged, or successful the next time
            services.key_agreement.require()

    def report_forever() -> NoReturn:
        while True:
            time.sleep(BEAT_SECONDS)
            report()

    report()  # before the first request is answered
    _start("identity-node", report_forever)
    yield
    with suppress(IdentityError):  # if it fails, the other nodes notice within half a minute
        services.key_agreement.leave()


def _start(name: str, run: Callable[[], NoReturn]) -> None:
    threading.Thread(target=run, name=name, daemon=True).start()
