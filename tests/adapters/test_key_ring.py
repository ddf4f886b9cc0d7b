"""The key ring notices changed files within a second and observes the keys' times exactly;
unreadable files change nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from identity.adapters.data_directory import DataDirectoryError
from identity.adapters.keys.ring import KeyRing
from identity.domain.keys import KeyValidity, SigningKey
from support.clock import ManualClock

A, B = SigningKey("a", "A"), SigningKey("b", "B")


class Kept:
    """Keys in memory, which count how often they are looked at and read."""

    def __init__(self, *keys: SigningKey) -> None:
        self.keys, self.error = keys, ""
        self.looks = self.reads = 0

    def stamp(self) -> object:
        self.looks += 1
        return self.keys, self.error

    def load_keys(self) -> tuple[SigningKey, ...]:
        self.reads += 1
        if self.error:
            raise DataDirectoryError(self.error)
        return self.keys


@pytest.fixture
def kept() -> Kept:
    return Kept(A)


@pytest.fixture
def ring(kept: Kept, clock: ManualClock) -> KeyRing[str]:
    return KeyRing(kept, "".join, clock)


def test_a_change_is_noticed_after_a_second(
    ring: KeyRing[str], kept: Kept, clock: ManualClock
) -> None:
    kept.keys = (A, B)
    clock.advance(seconds=0.99)
    assert ring.current() == "A"
    clock.advance(seconds=0.01)
    assert ring.current() == "AB"


def test_files_are_looked_at_once_a_second_and_read_only_when_changed(
    ring: KeyRing[str], kept: Kept, clock: ManualClock
) -> None:
    kept.looks = kept.reads = 0
    for _ in range(10):
        clock.advance(seconds=1)
        for _ in range(100):
            ring.current()
    assert (kept.looks, kept.reads) == (10, 0)


def test_what_is_made_of_keys_is_kept_while_they_stay(
    ring: KeyRing[str], clock: ManualClock
) -> None:
    before = ring.current()
    clock.advance(hours=1)
    assert ring.current() is before


@pytest.mark.parametrize("seconds", [0.5, 1.5, 100])
def test_times_are_kept_exactly(kept: Kept, clock: ManualClock, seconds: float) -> None:
    at = clock.now() + timedelta(seconds=seconds)
    kept.keys = (
        replace(A, times=KeyValidity(accepted_until=at)),
        replace(B, times=KeyValidity(signs_from=at)),
    )
    ring = KeyRing(kept, "".join, clock)
    assert ring.current() == "BA"
    clock.advance(seconds=seconds - 0.001)
    assert ring.current() == "BA"
    clock.advance(seconds=0.001)
    assert ring.current() == "B"


def test_a_clock_that_is_set_back_stops_no_look(
    ring: KeyRing[str], kept: Kept, clock: ManualClock
) -> None:
    kept.keys = (A, B)
    clock.advance(minutes=-10)
    assert ring.current() == "AB"


def test_keys_that_cannot_be_read_leave_those_there_were_and_one_line_until_they_can(
    ring: KeyRing[str], kept: Kept, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "identity.keys")
    kept.keys, kept.error = (A, B), "secret_keys is readable by other users"
    for _ in range(5):
        clock.advance(seconds=1)
        assert ring.current() == "A"
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "is readable by other users" in caplog.text
    kept.error = ""
    clock.advance(seconds=1)
    assert ring.current() == "AB"
    assert caplog.records[-1].getMessage() == "signing with key b; 2 keys accepted"


def test_a_read_that_fails_once_is_tried_again(
    ring: KeyRing[str], kept: Kept, clock: ManualClock
) -> None:
    kept.keys = (A, B)
    stamp: Callable[[], object] = lambda: kept.keys  # noqa: E731 - the files are the same before and after
    kept.stamp = stamp  # type: ignore[method-assign]
    kept.error = "too many open files"
    clock.advance(seconds=1)
    assert ring.current() == "A"
    kept.error = ""
    clock.advance(seconds=1)
    assert ring.current() == "AB"


def test_callers_at_once_all_get_the_new_keys(
    ring: KeyRing[str], kept: Kept, clock: ManualClock
) -> None:
    kept.keys, kept.looks = (A, B), 0
    clock.advance(hours=1)
    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(lambda _: ring.current(), range(64))) == {"AB"}
    assert kept.looks == 1


def test_a_start_without_keys_fails(kept: Kept, clock: ManualClock) -> None:
    kept.error = "no key"
    with pytest.raises(DataDirectoryError):
        KeyRing(kept, "".join, clock)
