"""Deleting what is over: beside the server, or once by hand."""

from __future__ import annotations

import argparse
import logging
import threading
import time
from collections import Counter
from typing import Final, NoReturn

from identity.domain.errors import IdentityError
from identity.services import Services
from identity.settings import Settings

_log = logging.getLogger("identity.prune")
_FIRST_SECONDS: Final = 2.0  # a start has enough to do
_ROUND_SECONDS: Final = 600.0
_STEP_SECONDS: Final = 0.1


def prune(_options: argparse.Namespace, _settings: Settings, services: Services) -> None:
    """Delete everything that is over, and print how much that was."""
    services.schema.require_current()
    deleted: Counter[str] = Counter()
    for step in services.pruning.steps():
        deleted[step.name] += step.rows
    print(f"Deleted {', '.join(f'{rows} {name}' for name, rows in deleted.items())}.")


def start_pruning(services: Services) -> None:
    """Delete what is over in a thread beside the server, again and again; several servers take turns."""
    threading.Thread(target=_prune_on, args=(services,), name="identity-prune", daemon=True).start()


def _prune_on(services: Services) -> NoReturn:
    time.sleep(_FIRST_SECONDS)
    while True:
        try:
            for _ in services.pruning.steps():
                time.sleep(_STEP_SECONDS)
        except IdentityError as error:
            _log.warning("pruning waits: %s", error.code)
        time.sleep(_ROUND_SECONDS)
