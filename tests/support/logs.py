"""The log lines of the service."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from identity.adapters.logs import JsonFormatter


@contextmanager
def logged() -> Iterator[list[str]]:
    """Collect the service's log lines as they would be printed."""
    lines: list[str] = []

    class Collect(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    logger, handler = logging.getLogger("identity"), Collect()
    handler.setFormatter(JsonFormatter())
    logger.addHandler(handler)
    try:
        yield lines
    finally:
        logger.removeHandler(handler)
