"""Prometheus metrics, summed over the workers of one service.

With `PROMETHEUS_MULTIPROC_DIR` set, as `identity serve` does, every worker keeps its numbers in a page of memory that
is a file of that directory, and any of them answers for all. Counting takes no lock: a number is changed between two
moments at which the interpreter may turn to another thread.
"""

from __future__ import annotations

import mmap
import os
import threading
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

_DIRECTORY: Final = "PROMETHEUS_MULTIPROC_DIR"
_BOUNDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
_SUM: Final = len(_BOUNDS) + 1  # behind the buckets, of which the last has no bound
_WIDTH: Final = _SUM + 1
_STATE: Final = 16  # numbers at the beginning of a page: what the process says of itself
_PAGE_BYTES: Final = 1024 * 1024
_ROWS: Final = (_PAGE_BYTES // 8 - _STATE) // _WIDTH

Key = tuple[str, str, str, str]  # tongue, method, route, status


class PrometheusMetrics:
    """Counts requests and shows the counts. Labels are routes, never users or paths.

    Args:
        state: what the process says of itself when asked: names of gauges and counters (`…_total`) to numbers;
            names that end in `_seconds` are shown for the worker where they are largest, others are summed.
    """

    content_type = CONTENT_TYPE_LATEST

    def __init__(self, state: Callable[[], Mapping[str, float]] = dict) -> None:
        self._state = state
        self._pages = _Pages(os.environ.get(_DIRECTORY))

    def answered(self, tongue: str, method: str, route: str, status: int, *, seconds: float) -> None:
        """Count one answered request."""
        pages = self._pages
        row = pages.rows.get((tongue, method, route, status)) or pages.add((tongue, method, route, status))
        numbers = pages.numbers
        numbers[row + bisect_left(_BOUNDS, seconds)] += 1
        numbers[row + _SUM] += seconds

    def publish(self) -> None:
        """Show the other workers what this process says of itself; to be called now and then."""
        for place, number in enumerate(self._state().values()):
            self._pages.numbers[place] = number

    def exposition(self) -> bytes:
        """Return everything counted, in the Prometheus text format."""
        self.publish()
        own = CollectorRegistry()
        own.register(_Collector(self._pages, tuple(self._state())))
        return generate_latest(own) + (b"" if self._pages.shared else generate_latest(REGISTRY))


class _Pages:
    """This process's page of numbers, and those of its siblings."""

    def __init__(self, directory: str | None) -> None:
        self.shared = Path(directory) if directory else None
        self.rows: dict[tuple[str, str, str, int], int] = {}
        self._lock = threading.Lock()
        self._names = ""
        file = -1
        if self.shared:
            own = self.shared / f"{os.getpid()}-{id(self)}.page"
            self._index = own.with_suffix(".rows")
            self._index.touch(mode=0o600)
            file = os.open(own, os.O_RDWR | os.O_CREAT, 0o600)
            os.truncate(file, _PAGE_BYTES)
        self.numbers = memoryview(mmap.mmap(file, _PAGE_BYTES)).cast("d")
        if file >= 0:
            os.close(file)

    def add(self, key: tuple[str, str, str, int]) -> int:
        """Give a key its row, for ever."""
        with self._lock:
            row = self.rows.get(key)
            if row is None and len(self.rows) < _ROWS:
                self._names += "\t".join(map(str, key)) + "\n"
                if self.shared:
                    self._index.write_text(self._names)
                row = self.rows[key] = _STATE + len(self.rows) * _WIDTH
            return row or _STATE  # routes and statuses are few; if they were not, the first row would take the rest

    def all(self) -> Iterator[tuple[list[Key], memoryview[float]]]:
        """Return the names of the rows and the numbers of every process."""
        if not self.shared:
            yield _keys(self._names), self.numbers
            return
        for index in self.shared.glob("*.rows"):
            page = index.with_suffix(".page")
            if page.exists():
                yield _keys(index.read_text()), memoryview(page.read_bytes()).cast("d")


def _keys(names: str) -> list[Key]:
    return [
        (tongue, method, route, status)
        for tongue, method, route, status in (line.split("\t") for line in names.splitlines())
    ]


class _Collector(Collector):
    def __init__(self, pages: _Pages, states: tuple[str, ...]) -> None:
        self._pages = pages
        self._states = states

    def collect(self) -> Iterable[Metric]:
        """Add the pages up."""
        requests: dict[Key, float] = defaultdict(float)
        seconds: dict[tuple[str, str], list[float]] = defaultdict(lambda: [0.0] * _WIDTH)
        states: list[list[float]] = [[] for _ in self._states]
        for keys, numbers in self._pages.all():
            for place, values in enumerate(states):
                values.append(numbers[place])
            for number, key in enumerate(keys):
                row = numbers[_STATE + number * _WIDTH : _STATE + (number + 1) * _WIDTH].tolist()
                requests[key] += sum(row[:_SUM])
                tongue, _, route, _ = key
                seconds[tongue, route] = [one + other for one, other in zip(seconds[tongue, route], row, strict=True)]
        yield _counted(requests)
        yield _timed(seconds)
        for name, values in zip(self._states, states, strict=True):
            yield _state(name, max(values) if name.endswith("_seconds") else sum(values))


def _counted(requests: Mapping[Key, float]) -> Metric:
    family = CounterMetricFamily(
        "identity_requests", "Answered requests.", labels=("tongue", "method", "route", "status")
    )
    for key, count in requests.items():
        family.add_metric(key, count)
    return family


def _timed(seconds: Mapping[tuple[str, str], list[float]]) -> Metric:
    family = HistogramMetricFamily(
        "identity_request_duration_seconds",
        "Time from the first line of the application to the answer.",
        labels=("tongue", "route"),
    )
    for key, row in seconds.items():
        below, buckets = 0.0, []
        for bound, count in zip((*map(float, _BOUNDS), "+Inf"), row, strict=False):
            below += count
            buckets.append((str(bound), below))
        family.add_metric(key, buckets, row[_SUM])
    return family


def _state(name: str, value: float) -> Metric:
    kind = CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily
    return kind(name.removesuffix("_total"), "See docs/operations.md.", value=value)
