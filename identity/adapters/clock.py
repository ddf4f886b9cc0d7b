"""The system clock."""

from __future__ import annotations

from datetime import UTC, datetime


class SystemClock:
    """Reads the system clock."""

    def now(self) -> datetime:
        """Return the time as aware UTC."""
        return datetime.now(UTC)
