"""Two live services on one database: at a limit, parallel guesses compute no hash too many."""

from __future__ import annotations

import http.client
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from support.concurrency import at_once
from support.http import basic
from support.live import Live, serving

FAILURES, PARALLEL = 4, 64
SETTINGS = {"lockout_failures": str(FAILURES), "ip_failures": "20", "hash_queue": "64"}


@pytest.fixture
def nodes(tmp_path: Path, empty_database_url: str) -> Iterator[list[Live]]:
    with ExitStack() as stack:
        yield [
            stack.enter_context(
                serving(tmp_path, "--workers", "1", database_url=empty_database_url, **SETTINGS)
            )
            for _ in range(2)
        ]


def status(node: Live, name: str) -> int:
    connection = http.client.HTTPConnection(urlsplit(node.base).netloc, timeout=60)
    connection.request("GET", "/api/resource", headers=basic(name, "wrong"))
    found = connection.getresponse().status
    connection.close()
    return found


def test_parallel_guesses_at_the_limit_compute_no_hash_too_many(nodes: list[Live]) -> None:
    for name in ("admin", "nobody"):
        for _ in range(FAILURES - 1):
            assert status(nodes[0], name) == 401
        guesses = [nodes[number % 2] for number in range(PARALLEL)]
        seen = Counter(
            at_once(*(lambda node=node, name=name: status(node, name) for node in guesses))
        )
        assert seen.keys() <= {401, 429, 503}  # 503: waited in vain, nothing was computed
        assert seen[401] <= 1


def test_parallel_guesses_from_one_ip_compute_no_hash_too_many(nodes: list[Live]) -> None:
    guesses = [(nodes[number % 2], f"nobody{number}") for number in range(PARALLEL)]
    seen = Counter(
        at_once(*(lambda node=node, name=name: status(node, name) for node, name in guesses))
    )
    assert seen.keys() <= {401, 429, 503}
    assert seen[401] <= int(SETTINGS["ip_failures"])
    assert seen[429] > 0
