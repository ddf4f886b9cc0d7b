"""Log lines as JSON objects, one for each line."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Any, Final

_TEXT_MAX: Final = 2000
_OWN: Final = "identity"
_ENCODER: Final = json.JSONEncoder(default=str)


class JsonFormatter(logging.Formatter):
    """Formats a record with its `fields`; JSON escapes line breaks and control characters."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage()[:_TEXT_MAX],
        }
        line |= getattr(record, "fields", {})
        if record.exc_info and record.exc_info[0]:
            line["exception"] = record.exc_info[0].__name__
            line["where"] = _frames(record.exc_info)
        return _ENCODER.encode(line)


def _frames(exc_info: Any) -> list[str]:  # noqa: ANN401 - sys.exc_info's triple
    # Only the places: the error's text and the values could contain a secret.
    frames = traceback.extract_tb(exc_info[2])
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-12:]]


def log_to_stderr() -> None:
    """Send the service's log to standard error; further calls in the process change nothing."""
    logger = logging.getLogger(_OWN)
    if not any(isinstance(handler, logging.StreamHandler) for handler in logger.handlers):
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(JsonFormatter())
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        logger.propagate = False
