"""Measures password logins, against the hash alone on the same cores."""

from __future__ import annotations

import http.client
import multiprocessing
import threading
import time
from urllib.parse import urlsplit

from argon2 import PasswordHasher

from harness.knobs import MEMORY_KIB, SECONDS, TIME, WORKERS, note
from harness.population import PASSWORD
from harness.servers import Service, bench_user
from harness.table import Row, alternate

CLIENTS = 8
_HASHES = "the hash alone"
_LEAST_SECONDS = 3  # a login is slow, so a shorter run says little


def rows(services: list[Service]) -> list[Row]:
    """Measure logins on each database and the hash alone, in turn."""
    note("password logins")
    seconds = max(SECONDS, _LEAST_SECONDS)
    measures = {_HASHES: lambda: hashes_per_second(seconds)}
    measures |= {
        one.engine: lambda one=one: logins_per_second(one.base, seconds) for one in services
    }
    rates = alternate(measures)
    return [
        Row(f"password logins, {one.engine}", rates[one.engine], (rates[_HASHES], _HASHES), 0.90)
        for one in services
    ]


def logins_per_second(base: str, seconds: float) -> float:
    """Log in with different accounts at once; refusals because of load are not counted."""
    end, counts = time.monotonic() + seconds, [0] * CLIENTS
    clients = [
        threading.Thread(target=_client, args=(base, number, end, counts))
        for number in range(CLIENTS)
    ]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    return sum(counts) / seconds


def _client(base: str, number: int, end: float, counts: list[int]) -> None:
    parts = urlsplit(base)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
    while time.monotonic() < end:
        connection.request("GET", "/api/resource", headers={"Authorization": bench_user(number)})
        answer = connection.getresponse()
        answer.read()
        counts[number] += answer.status == http.client.OK


def hashes_per_second(seconds: float) -> float:
    """Verify a password repeatedly, in as many processes as there are workers."""
    with multiprocessing.get_context("spawn").Pool(WORKERS) as pool:
        return sum(pool.map(_hash_for, [seconds] * WORKERS, chunksize=1))


def _hash_for(seconds: float) -> float:
    hasher = PasswordHasher(time_cost=TIME, memory_cost=MEMORY_KIB, parallelism=1)
    stored, count, start = hasher.hash(PASSWORD), 0, time.monotonic()
    while time.monotonic() - start < seconds:
        hasher.verify(stored, PASSWORD)
        count += 1
    return count / (time.monotonic() - start)
