"""Measures the token check while other accounts change, against the check without changes."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

from harness.knobs import SECONDS, SMALL, note
from harness.load import Load, requests_per_second
from harness.population import FIRST, PASSWORD
from harness.servers import Service, basic, call
from harness.table import Row, alternate

PER_SECOND = 50
_WRITERS = 16
_KEPT = 2  # the accounts whose tokens are checked do not change
_STILL, _MOVING = "with none", "changing"


class Writer:
    """Disables and enables accounts as an administrator, at a constant rate."""

    def __init__(self, service: Service) -> None:
        self._port = service.port
        with call(f"{service.base}/api/token", authorization=basic("admin", PASSWORD)) as answer:
            self._headers = {"Authorization": f"Bearer {json.load(answer)['token']}"}
        self.done = count()
        self.seconds = 0.0

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Change accounts until the block ends."""
        stop, start = threading.Event(), time.monotonic()
        threads = [
            threading.Thread(target=self._write, args=(first, stop, start))
            for first in range(_WRITERS)
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stop.set()
            for thread in threads:
                thread.join()
            self.seconds += time.monotonic() - start

    def _write(self, first: int, stop: threading.Event, start: float) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port)
        for number in count(first, _WRITERS):
            if stop.wait(max(0.0, start + number / PER_SECOND - time.monotonic())):
                return
            turn, account = divmod(number, SMALL - _KEPT)
            action = "enable" if turn % 2 else "disable"
            path = f"/api/admin/users/{FIRST + _KEPT + account}/{action}"
            connection.request("POST", path, headers=self._headers)
            answer = connection.getresponse()
            answer.read()
            if answer.status == http.client.OK:
                next(self.done)


def rows(service: Service) -> Iterator[Row]:
    """Measure one database."""
    note(f"token check while accounts change on {service.engine}")
    writer = Writer(service)
    load = Load(f"{service.base}/api/resource", (service.bearer_of(0),))

    def moving() -> float:
        with writer.writing():
            return requests_per_second(load, seconds=SECONDS)

    rates = alternate({_STILL: lambda: requests_per_second(load, seconds=SECONDS), _MOVING: moving})
    reached = next(writer.done) / writer.seconds
    what = f"token check while accounts change, {reached:.0f}/s, {service.engine}"
    yield Row(what, rates[_MOVING], (rates[_STILL], _STILL), 0.70)
