"""A clock for measuring ages."""

from __future__ import annotations

import time
from typing import Final

# Linux stops time.monotonic() while the machine is suspended, but not this clock.
_CLOCK: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def boottime() -> float:
    """Return the seconds since the machine started; setting the wall clock does not change them."""
    return time.clock_gettime(_CLOCK)
