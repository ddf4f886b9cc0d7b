"""The time of this machine."""

from __future__ import annotations

from datetime import UTC, datetime


class SystemClock:
    """Reads the system's clock."""

    def now(self) -> datetime:
        """Return the time as aware UTC."""
        return datetime.now(UTC)
