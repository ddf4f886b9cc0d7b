"""Prometheus metrics, summed over the workers of one service.

With `PROMETHEUS_MULTIPROC_DIR` set, as `identity serve` does, every worker keeps its numbers in files of that
directory and any of them answers for all.
"""

from __future__ import annotations

import os

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

_REQUESTS = Counter("identity_requests_total", "Answered requests.", ("tongue", "method", "route", "status"))
_SECONDS = Histogram(
    "identity_request_duration_seconds",
    "Time from the first line of the application to the answer.",
    ("tongue", "route"),
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
)


class PrometheusMetrics:
    """Counts requests and shows the counts. Labels are routes, never users or paths."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self._children: dict[tuple[str, str, str, int], tuple[Counter, Histogram]] = {}

    def answered(self, tongue: str, method: str, route: str, status: int, *, seconds: float) -> None:
        """Count one answered request."""
        key = (tongue, method, route, status)
        children = self._children.get(key)
        if children is None:
            children = _REQUESTS.labels(tongue, method, route, str(status)), _SECONDS.labels(tongue, route)
            self._children[key] = children
        requests, durations = children
        requests.inc()
        durations.observe(seconds)

    def exposition(self) -> bytes:
        """Return everything counted, in the Prometheus text format."""
        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
            return generate_latest(REGISTRY)
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)
