"""A worker is killed in the middle of its work: what was acknowledged is there, and the service
goes on."""

from __future__ import annotations

import http.client
import itertools
import json
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from support.faults.processes import workers
from support.live import Live, serving
from support.waiting import wait_until

CALLERS = 8
BEFORE, AFTER = 60, 60


@pytest.fixture
def live(tmp_path: Path, empty_database_url: str) -> Iterator[Live]:
    """A service with two workers."""
    with serving(tmp_path, database_url=empty_database_url, registration_limit="0") as running:
        yield running


class Registrations:
    """A stream of registrations by several callers, each on connections of its own."""

    def __init__(self, live: Live) -> None:
        self._address = live.base.removeprefix("http://")
        self._numbers = itertools.count()
        self._stop = threading.Event()
        self.acknowledged: list[str] = []
        self.others: set[int] = set()

    def run(self) -> None:
        """Register until told to stop."""
        while not self._stop.is_set():
            name = f"hawk{next(self._numbers)}"
            status = self._register(name)
            if status == 201:
                self.acknowledged.append(name)
            elif status is not None:
                self.others.add(status)

    def stop(self) -> None:
        """Let every caller finish its request."""
        self._stop.set()

    def _register(self, name: str) -> int | None:
        connection = http.client.HTTPConnection(self._address, timeout=60)
        try:
            body = json.dumps({"username": name, "password": "newpwd"})
            connection.request("POST", "/api/users", body, {"Content-Type": "application/json"})
            return connection.getresponse().status
        except (
            OSError,
            http.client.HTTPException,
        ):  # it was the killed worker's: its outcome is unknown
            return None
        finally:
            connection.close()


def names(live: Live) -> list[str]:
    """Return every username there is, page by page."""
    found: list[str] = []
    cursor = ""
    while True:
        page = live.curl(f"/api/admin/users?limit=200{cursor}", "-u", "admin:changeme").json()
        found += [user["username"] for user in page["users"]]
        if page["cursor"] is None:
            return found
        cursor = f"&cursor={page['cursor']}"


def registered(live: Live) -> int:
    """Return how many registrations the metrics have counted."""
    return sum(
        int(sample.value)
        for family in text_string_to_metric_families(live.curl("/metrics").body)
        for sample in family.samples
        if sample.name == "identity_requests_total"
        and (sample.labels["route"], sample.labels["status"]) == ("/api/users", "201")
    )


def test_no_acknowledged_registration_is_lost_when_a_worker_is_killed(live: Live) -> None:
    stream = Registrations(live)
    first, _ = workers(live)
    with ThreadPoolExecutor(CALLERS) as callers:
        running = [callers.submit(stream.run) for _ in range(CALLERS)]
        try:
            wait_until(lambda: len(stream.acknowledged) >= BEFORE)
            os.kill(first, signal.SIGKILL)
            killed_at = len(stream.acknowledged)
            wait_until(lambda: len(stream.acknowledged) >= killed_at + AFTER)
            wait_until(lambda: len(workers(live)) == 2 and first not in workers(live))
        finally:
            stream.stop()
    assert [caller.exception() for caller in running] == [None] * CALLERS
    assert stream.others <= {503}
    there = names(live)
    assert len(there) == len({name.casefold() for name in there})
    assert set(stream.acknowledged) - set(there) == set()
    for name in stream.acknowledged[killed_at - 20 : killed_at + 20]:
        assert live.curl("/api/resource", "-u", f"{name}:newpwd").status == 200
    assert registered(live) >= len(stream.acknowledged)
    assert live.stop() == 0
    assert "Traceback" not in live.output()
