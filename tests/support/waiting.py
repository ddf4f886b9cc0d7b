"""Wait for a fact, with a time limit."""

from __future__ import annotations

import time
from collections.abc import Callable


def wait_until(fact: Callable[[], object], *, seconds: float = 60) -> None:
    """Wait until a fact is true. It is asked once more after the time, however late that is.

    Raises:
        AssertionError: the fact did not become true.
    """
    end, asked = time.monotonic() + seconds, 0.0
    while not fact():
        assert asked < end, f"not within {seconds} s"
        time.sleep(0.01)
        asked = time.monotonic()
