"""Many wrong passwords at once: some are refused, the rest deferred, and token checks are not
affected.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from support.live import Answer, Live, serving

GUESSERS, GUESSES, CHECKS = 12, 72, 60


@pytest.fixture
def live(tmp_path: Path, empty_database_url: str) -> Iterator[Live]:
    """A service with one place before a hash of real size."""
    hash_of_real_size = {"argon2_memory_kib": "19456", "argon2_time": "2"}
    with serving(
        tmp_path, database_url=empty_database_url, hash_queue="1", **hash_of_real_size
    ) as running:
        yield running


def test_guessers_are_put_off_and_token_checks_go_on(live: Live) -> None:
    token = live.curl("/api/token", "-u", "admin:changeme").json()["token"]
    names = itertools.cycle(f"guessed{number}" for number in range(GUESSERS))

    def guess(name: str) -> Answer:
        return live.curl("/api/resource", "-u", f"{name}:loremipsum")

    def check(_: int) -> int:
        return live.curl("/api/resource", "-u", f"{token}:x").status

    with ThreadPoolExecutor(GUESSERS) as guessers, ThreadPoolExecutor(2) as checkers:
        guessed = guessers.map(guess, itertools.islice(names, GUESSES))
        assert set(checkers.map(check, range(CHECKS))) == {200}
        answers = list(guessed)
    assert {answer.status for answer in answers} == {401, 503}
    for answer in answers:
        if answer.status == 503:
            assert answer.json()["code"] == "busy"
            assert int(answer.header("Retry-After") or "0") > 0
    assert live.curl("/api/resource", "-u", "admin:changeme").status == 200
    assert "Traceback" not in live.output()
