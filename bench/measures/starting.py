"""Measures the time from the command to the first response."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

from harness.knobs import THREADS, WORKERS, note
from harness.postgres import fresh_database
from harness.running import StartError, answers, begin, end, free_port
from harness.servers import BASELINES, IDENTITY, OPTIONS, prepared
from harness.table import Row, alternate

_ROUNDS = 5
_PAUSE = 0.005
_BARE = "bare Flask with SQLAlchemy"


def rows(postgresql: str | None) -> list[Row]:
    """Measure the service on each database and a bare application, in turn."""
    note("start")
    with ExitStack() as stack:
        measures = {
            _BARE: _starter(
                [sys.executable, str(BASELINES / "start.py"), "{port}", str(WORKERS), str(THREADS)]
            )
        }
        for engine, server in {"SQLite": None, "PostgreSQL": postgresql}.items():
            if engine == "SQLite" or server:
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
                database = stack.enter_context(fresh_database(server)) if server else ""
                measures[engine] = _starter(
                    [IDENTITY, "serve", "--port", "{port}", *OPTIONS], prepared(folder, database)[0]
                )
                measures[engine]()  # the first start creates the administrator
        seconds = alternate(measures, rounds=_ROUNDS)
    return [
        Row(
            f"from `identity serve` to `/readyz`, {engine}",
            value,
            (seconds[_BARE], _BARE),
            1.5,
            "s",
            at_most=True,
        )
        for engine, value in seconds.items()
        if engine != _BARE
    ]


def _starter(
    command: list[str], environment: Mapping[str, str] = os.environ
) -> Callable[[], float]:
    def measure() -> float:
        port = str(free_port())
        begun = time.perf_counter()
        process = begin([part.replace("{port}", port) for part in command], environment=environment)
        try:
            if not answers(f"http://127.0.0.1:{port}/readyz", process, seconds=60, pause=_PAUSE):
                raise StartError(f"{command[0]} did not start")
            return time.perf_counter() - begun
        finally:
            end(process)

    return measure
