"""Time for measuring how old an answer is."""

from __future__ import annotations

import time
from typing import Final

# As the world counts it: Linux stops time.monotonic() while the machine is suspended.
_CLOCK: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def boottime() -> float:
    """Return seconds since the machine started, whatever its wall clock is set to."""
    return time.clock_gettime(_CLOCK)
