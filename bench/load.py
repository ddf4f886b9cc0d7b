"""Requests per second: by wrk where it is installed, else by a slower loop of our own."""

from __future__ import annotations

import http.client
import re
import shutil
import subprocess
import threading
import time
from urllib.parse import urlsplit

CONNECTIONS = 32


def requests_per_second(url: str, headers: dict[str, str], *, seconds: int) -> float:
    """Load one URL with keep-alive connections.

    Raises:
        RuntimeError: an answer was not 200, so the figure would mean nothing.
    """
    return (_wrk if shutil.which("wrk") else _loop)(url, headers, seconds)


def _wrk(url: str, headers: dict[str, str], seconds: int) -> float:
    given = [part for name, value in headers.items() for part in ("-H", f"{name}: {value}")]
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", *given, url]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603 - our own words
    if "Non-2xx" in output or "Socket errors" in output:
        raise RuntimeError(output)
    found = re.search(r"Requests/sec:\s+([\d.]+)", output)
    if found is None:
        raise RuntimeError(output)
    return float(found[1])


def _loop(url: str, headers: dict[str, str], seconds: int) -> float:
    end = time.monotonic() + seconds
    counts: list[int] = []
    threads = [threading.Thread(target=lambda: counts.append(_one(url, headers, end))) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(counts) < CONNECTIONS:
        raise RuntimeError("an answer was not 200")
    return sum(counts) / seconds


def _one(url: str, headers: dict[str, str], end: float) -> int:
    parts, count = urlsplit(url), 0
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
    while time.monotonic() < end:
        connection.request("GET", parts.path, headers=headers)
        answer = connection.getresponse()
        answer.read()
        if answer.status != http.HTTPStatus.OK:
            raise RuntimeError(f"answered {answer.status}")
        count += 1
    return count
