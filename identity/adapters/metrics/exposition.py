"""The metrics in Prometheus' text format."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from identity.adapters.metrics.pages import BOUNDS, STATE, SUM, WIDTH, Key, Pages


def exposed(pages: Pages, states: tuple[str, ...]) -> tuple[bytes, str]:
    """Return the text for all pages, and its content type.

    Args:
        pages: of all processes.
        states: the names of the numbers that each process publishes about itself.
    """
    own = CollectorRegistry()
    own.register(_Collector(pages, states))
    text = generate_latest(own) + (b"" if pages.shared else generate_latest(REGISTRY))
    return text, CONTENT_TYPE_LATEST


class _Collector(Collector):
    def __init__(self, pages: Pages, states: tuple[str, ...]) -> None:
        self._pages = pages
        self._states = states

    def collect(self) -> Iterable[Metric]:
        """Add up the pages."""
        requests: dict[Key, float] = defaultdict(float)
        seconds: dict[tuple[str, str], list[float]] = defaultdict(lambda: [0.0] * WIDTH)
        states: list[list[float]] = [[] for _ in self._states]
        for keys, numbers in self._pages.all():
            for index, values in enumerate(states):
                values.append(numbers[index])
            for index, key in enumerate(keys):
                row = numbers[STATE + index * WIDTH : STATE + (index + 1) * WIDTH].tolist()
                requests[key] += sum(row[:SUM])
                dialect, _, route, _ = key
                seconds[dialect, route] = [
                    one + other for one, other in zip(seconds[dialect, route], row, strict=True)
                ]
        yield _counted(requests)
        yield _timed(seconds)
        for name, values in zip(self._states, states, strict=True):
            yield _state(name, max(values) if name.endswith("_seconds") else sum(values))


def _counted(requests: Mapping[Key, float]) -> Metric:
    family = CounterMetricFamily(
        "identity_requests", "Answered requests.", labels=("dialect", "method", "route", "status")
    )
    for key, count in requests.items():
        family.add_metric(key, count)
    return family


def _timed(seconds: Mapping[tuple[str, str], list[float]]) -> Metric:
    family = HistogramMetricFamily(
        "identity_request_duration_seconds",
        "Time from the start of a request in the application to its response.",
        labels=("dialect", "route"),
    )
    for key, row in seconds.items():
        below = 0.0
        buckets = []
        for bound, count in zip((*map(float, BOUNDS), "+Inf"), row, strict=False):
            below += count
            buckets.append((str(bound), below))
        family.add_metric(key, buckets, row[SUM])
    return family


def _state(name: str, value: float) -> Metric:
    kind = CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily
    return kind(name.removesuffix("_total"), "See docs/operations.md.", value=value)
