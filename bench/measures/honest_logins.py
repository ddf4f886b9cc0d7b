"""An honest user: logs in with the right password, and retries when told to wait."""

from __future__ import annotations

import http.client
import time
from dataclasses import dataclass, field

_OWN_IP = "127.0.0.2"  # not the IP of the flood
_PAUSE_SECONDS = 0.5
_PATIENCE_SECONDS = 30


@dataclass
class Logins:
    """The seconds of each login, retries included, and the numbers of waits and other refusals."""

    seconds: list[float] = field(default_factory=list)
    waits: int = 0
    refused: int = 0


def log_in(port: int, credential: str, *, seconds: float) -> Logins:
    """Log in repeatedly for that many seconds."""
    found, end = Logins(), time.monotonic() + seconds
    while time.monotonic() < end:
        begun = time.monotonic()
        while (wait := _try(port, credential, found)) is not None and time.monotonic() + wait < end:
            time.sleep(wait)
        if wait is None:
            found.seconds.append(time.monotonic() - begun)
        time.sleep(_PAUSE_SECONDS)
    return found


def _try(port: int, credential: str, found: Logins) -> float | None:
    connection = http.client.HTTPConnection(
        "127.0.0.1", port, timeout=_PATIENCE_SECONDS, source_address=(_OWN_IP, 0)
    )
    try:
        connection.request("GET", "/api/token", headers={"Authorization": credential})
        answer = connection.getresponse()
        answer.read()
    finally:
        connection.close()
    if answer.status == http.client.OK:
        return None
    if answer.status in {http.client.SERVICE_UNAVAILABLE, http.client.TOO_MANY_REQUESTS}:
        found.waits += 1
    else:
        found.refused += 1
    return float(answer.headers.get("Retry-After", "1"))
