"""Prometheus metrics, summed over the workers of one service.

With `PROMETHEUS_MULTIPROC_DIR` set, as `identity serve` does, every worker keeps its numbers in a page of memory that
is a file of that directory, and any of them answers for all. Counting takes no lock: a number is changed between two
moments at which the interpreter may turn to another thread.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Callable, Mapping
from typing import Final

from identity.adapters.metrics.pages import BOUNDS, SUM, Pages

_DIRECTORY: Final = "PROMETHEUS_MULTIPROC_DIR"


class PrometheusMetrics:
    """Counts requests and shows the counts. Labels are routes, never users or paths.

    Args:
        state: what the process says of itself when asked: names of gauges and counters (`…_total`) to numbers;
            names that end in `_seconds` are shown for the worker where they are largest, others are summed.
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
        """Show the other workers what this process says of itself; to be called now and then."""
        for place, number in enumerate(self._state().values()):
            self._pages.numbers[place] = number

    def exposition(self) -> tuple[bytes, str]:
        """Return everything counted, in the Prometheus text format, and the name of that format."""
        from identity.adapters.metrics.exposition import exposed  # noqa: PLC0415 - a start does not wait for prometheus_client

        self.publish()
        return exposed(self._pages, tuple(self._state()))
