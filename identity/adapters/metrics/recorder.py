"""Prometheus metrics, summed over the workers of one node.

With `PROMETHEUS_MULTIPROC_DIR` set, as in `identity serve`, every worker keeps its numbers in a
page of memory that is mapped to a file of that directory, so any worker can report all numbers.
Counting takes no lock: it relies on the GIL, because the interpreter does not switch threads while
it changes one number.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Callable, Mapping
from typing import Final

from identity.adapters.metrics.pages import BOUNDS, SUM, Pages

_DIRECTORY: Final = "PROMETHEUS_MULTIPROC_DIR"


class PrometheusMetrics:
    """Counts requests and reports the counts. Labels are routes, never users or paths.

    Args:
        state: returns what the process publishes about itself: names of gauges and of counters
            (`…_total`) with their numbers. Of names that end in `_seconds` the largest number of
            all workers is reported, of others the sum.
    """

    def __init__(self, state: Callable[[], Mapping[str, float]] = dict) -> None:
        self._state = state
        self._pages = Pages(os.environ.get(_DIRECTORY))

    def answered(
        self, dialect: str, method: str, route: str, status: int, *, seconds: float
    ) -> None:
        """Count one answered request."""
        pages = self._pages
        row = pages.rows.get((dialect, method, route, status)) or pages.add(
            (dialect, method, route, status)
        )
        numbers = pages.numbers
        numbers[row + bisect_left(BOUNDS, seconds)] += 1
        numbers[row + SUM] += seconds

    def publish(self) -> None:
        """Write the state of this process where other workers can read it; call periodically."""
        for index, number in enumerate(self._state().values()):
            self._pages.numbers[index] = number

    def exposition(self) -> tuple[bytes, str]:
        """Return all metrics in Prometheus' text format, and the content type."""
        from identity.adapters.metrics.exposition import exposed  # noqa: PLC0415 - slow to import

        self.publish()
        return exposed(self._pages, tuple(self._state()))
