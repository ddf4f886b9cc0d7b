"""Sends requests at a constant rate, and times each response from when its request was due."""

from __future__ import annotations

import http.client
import statistics
import threading
import time
from dataclasses import dataclass, field

_CLIENTS = 20
_PATIENCE_SECONDS = 30


@dataclass
class Answers:
    """The response times in seconds, and the number of responses that were not 200."""

    seconds: list[float] = field(default_factory=list)
    errors: int = 0

    def percentile(self, hundredth: int) -> float:
        """Return a percentile in seconds."""
        return statistics.quantiles(self.seconds, n=100, method="inclusive")[hundredth - 1]


def ask(port: int, credential: str, *, per_second: int, seconds: float) -> Answers:
    """Request the protected resource at a constant rate. Run it in a separate process."""
    found, start = Answers(), time.monotonic()
    clients = [
        threading.Thread(
            target=_client, args=(port, credential, _due(start, first, per_second, seconds), found)
        )
        for first in range(_CLIENTS)
    ]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    return found


def _due(start: float, first: int, per_second: int, seconds: float) -> list[float]:
    return [
        start + number / per_second for number in range(first, int(per_second * seconds), _CLIENTS)
    ]


def _client(port: int, credential: str, moments: list[float], found: Answers) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE_SECONDS)
    for due in moments:
        time.sleep(max(0.0, due - time.monotonic()))
        try:
            connection.request("GET", "/api/resource", headers={"Authorization": credential})
            answer = connection.getresponse()
            answer.read()
            found.errors += answer.status != http.client.OK
        except (OSError, http.client.HTTPException):
            found.errors += 1
            connection.close()
        found.seconds.append(time.monotonic() - due)
