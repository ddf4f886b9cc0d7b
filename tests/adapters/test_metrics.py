"""Metrics: each process counts for itself, and each process can report the sum."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

WORKER = """
import sys
from identity.adapters.metrics.recorder import PrometheusMetrics
metrics = PrometheusMetrics()
for _ in range(int(sys.argv[1])):
    metrics.answered("native", "GET", "/api/token", 200, seconds=0.003)
metrics.answered("native", "POST", "/api/users", 400, seconds=2.0)
sys.stdout.buffer.write(metrics.exposition()[0])
"""
TOKENS = 'identity_requests_total{dialect="native",method="GET",route="/api/token",status="200"}'
USERS = 'identity_requests_total{dialect="native",method="POST",route="/api/users",status="400"}'
SECONDS = 'identity_request_duration_seconds_count{dialect="native",route="/api/token"}'
FAST = 'identity_request_duration_seconds_bucket{dialect="native",le="0.005",route="/api/token"}'
SLOW = 'identity_request_duration_seconds_bucket{dialect="native",le="1.0",route="/api/users"}'


def worker(times: int, directory: Path | None) -> dict[str, float]:
    variables = {
        name: value for name, value in os.environ.items() if not name.startswith("PROMETHEUS_")
    }
    if directory is not None:
        variables["PROMETHEUS_MULTIPROC_DIR"] = str(directory)
    said = subprocess.check_output(
        [sys.executable, "-c", WORKER, str(times)], env=variables, text=True
    )
    return {
        name: float(number)
        for name, number in re.findall(r"^(identity\S+) (\S+)$", said, re.MULTILINE)
    }


def test_counts_are_summed_over_the_processes_of_one_service(tmp_path: Path) -> None:
    first = worker(3, tmp_path)
    assert (first[TOKENS], first[USERS], first[SECONDS]) == (3, 1, 3)
    second = worker(4, tmp_path)
    assert (second[TOKENS], second[USERS], second[SECONDS]) == (7, 2, 7)
    assert (second[FAST], second[SLOW]) == (7, 0)


def test_process_counts_for_itself_when_it_is_alone() -> None:
    alone = worker(2, None)
    assert (alone[TOKENS], alone[USERS], alone[SECONDS]) == (2, 1, 2)
