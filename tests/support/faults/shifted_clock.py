"""A node with a wrong clock.

granian loads `support.faults.shifted_clock:make`, with `SHIFT_SECONDS` in the environment.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

from flask import Flask

from identity import create_app


class ShiftedClock:
    """The system's time, wrong by as much as the environment says."""

    def __init__(self) -> None:
        self._shift = timedelta(seconds=int(os.environ.pop("SHIFT_SECONDS")))

    def now(self) -> datetime:
        """Return the wrong time."""
        return datetime.now(UTC) + self._shift


def make() -> Flask:
    """Return the application."""
    return create_app(clock=ShiftedClock())
