"""Measures requests per second: with wrk if it is installed, else with a slower loop in Python."""

from __future__ import annotations

import http.client
import itertools
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from harness.knobs import CONNECTIONS

WRK = shutil.which("wrk")
TOOL = (
    "wrk"
    if WRK
    else "a loop in Python (apt-get install wrk, or brew install wrk, for figures near the server's own)"
)
_ROTATE = Path(__file__).with_name("rotate.lua")
_FOR_EVER = 3600


class LoadError(RuntimeError):
    """A response was not the expected one, so the rate would mean nothing."""


@dataclass(frozen=True)
class Load:
    """One request, sent repeatedly on keep-alive connections, with its credentials in rotation."""

    url: str
    credentials: tuple[str, ...] = ()
    method: str = "GET"
    body: str | None = None
    connections: int = CONNECTIONS


def requests_per_second(load: Load, *, seconds: float) -> float:
    """Load a server and return its request rate.

    Raises:
        LoadError: a response was not 2xx.
    """
    return _by_wrk(load, seconds) if WRK else _by_loop(load, seconds)


@contextmanager
def flooding(load: Load) -> Iterator[list[float]]:
    """Load a server during the block, whatever it returns. Needs wrk.

    After the block, the list holds the rate.
    """
    rates: list[float] = []
    with _command(load, _FOR_EVER) as command:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - a fixed command
        try:
            yield rates
        finally:
            process.send_signal(signal.SIGINT)
            output, _ = process.communicate()
            rates.append(_rate(output))


def _by_wrk(load: Load, seconds: float) -> float:
    with _command(load, seconds) as command:
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603 - a fixed command
    if "Non-2xx" in output or "Socket errors" in output:
        raise LoadError(output)
    return _rate(output)


def _rate(output: str) -> float:
    found = re.search(r"Requests/sec:\s+([\d.]+)", output)
    if found is None:
        raise LoadError(output)
    return float(found[1])


@contextmanager
def _command(load: Load, seconds: float) -> Iterator[list[str]]:
    command = [
        "wrk",
        "-t1",
        "--timeout=30s",
        f"-c{load.connections}",
        f"-d{max(1, round(seconds))}s",
    ]
    if load.method == "GET" and len(load.credentials) <= 1:
        given = [part for value in load.credentials for part in ("-H", f"Authorization: {value}")]
        yield [*command, *given, load.url]
        return
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("\n".join(load.credentials) + "\n")
        file.flush()
        body = [] if load.body is None else [load.body]
        yield [*command, "-s", str(_ROTATE), load.url, "--", load.method, file.name, *body]


def _by_loop(load: Load, seconds: float) -> float:
    end, turn, counts = time.monotonic() + seconds, itertools.count(), []
    run = [
        threading.Thread(target=lambda: counts.append(_one(load, turn, end)), daemon=True)
        for _ in range(load.connections)
    ]
    for thread in run:
        thread.start()
    for thread in run:
        thread.join()
    if len(counts) < load.connections:
        raise LoadError("an answer was not 2xx")
    return sum(counts) / seconds


def _one(load: Load, turn: Iterator[int], end: float) -> int:
    parts, count = urlsplit(load.url), 0
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
    base = {"Content-Type": "application/json"} if load.body else {}
    while time.monotonic() < end:
        one = load.credentials[next(turn) % len(load.credentials)] if load.credentials else None
        connection.request(
            load.method, parts.path, load.body, base | ({"Authorization": one} if one else {})
        )
        answer = connection.getresponse()
        answer.read()
        if not 200 <= answer.status < 300:  # noqa: PLR2004 - the success statuses
            raise LoadError(f"answered {answer.status}")
        count += 1
    return count
