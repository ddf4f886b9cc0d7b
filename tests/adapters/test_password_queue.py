"""The guard before the hash: one computes, a few wait, the rest are turned away at once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from identity.adapters.passwords import Argon2Cost, Argon2Hasher, GuardedPasswords
from identity.domain.errors import Busy

COST = Argon2Cost(memory_kib=8, time=1)
PATIENT, IMPATIENT = timedelta(seconds=30), timedelta(milliseconds=10)


class SlowArgon2:
    """Stands in for the library: every call says that it began and stops until it may go on."""

    def __init__(self) -> None:
        self.began = threading.Semaphore(0)
        self.may_end = threading.Event()
        self.lock = threading.Lock()
        self.calls = self.running = self.most = 0

    def hash(self, password: str) -> str:
        with self.lock:
            self.calls += 1
            self.running += 1
            self.most = max(self.most, self.running)
        self.began.release()
        assert self.may_end.wait(30)
        with self.lock:
            self.running -= 1
        if password == "broken":
            raise RuntimeError("the library broke")
        return f"hash of {password}"


@pytest.fixture
def argon2() -> SlowArgon2:
    return SlowArgon2()


def slow(argon2: SlowArgon2, *, wait: timedelta) -> Argon2Hasher:
    hasher = Argon2Hasher(COST, wait=wait)
    hasher._argon2 = argon2  # type: ignore[assignment]
    return hasher


def test_only_one_hash_is_computed_at_a_time(argon2: SlowArgon2) -> None:
    guard = GuardedPasswords(slow(argon2, wait=PATIENT), places=8)
    argon2.may_end.set()

    def work(number: int) -> str:
        with guard.admit() as hasher:
            return hasher.hash(str(number))

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(8))) == [f"hash of {number}" for number in range(8)]
    assert (argon2.calls, argon2.most) == (8, 1)


def test_caller_is_turned_away_at_once_when_every_place_is_taken(argon2: SlowArgon2) -> None:
    guard = GuardedPasswords(slow(argon2, wait=PATIENT), places=2)

    def come() -> None:
        with guard.admit():
            pytest.fail("admitted to a full queue")

    with ThreadPoolExecutor(1) as pool, guard.admit(), guard.admit():
        refusal = pool.submit(come).exception(timeout=5)  # both places stay taken meanwhile
        assert isinstance(refusal, Busy)
        assert refusal.retry_after == timedelta(seconds=1)
    assert argon2.calls == 0
    with guard.admit(), guard.admit():
        pass


def test_caller_who_waits_too_long_for_the_slot_is_told_to_come_later(argon2: SlowArgon2) -> None:
    hasher = slow(argon2, wait=IMPATIENT)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(hasher.hash, "first")
        assert argon2.began.acquire(timeout=30)
        with pytest.raises(Busy):
            hasher.hash("second")
        with pytest.raises(Busy):
            hasher.verify(None, "third")
        argon2.may_end.set()
        assert first.result(30) == "hash of first"
    assert argon2.calls == 1
    assert hasher.hash("fourth") == "hash of fourth"


def test_slot_is_free_again_after_an_error(argon2: SlowArgon2) -> None:
    hasher = slow(argon2, wait=IMPATIENT)
    argon2.may_end.set()
    for _ in range(3):
        with pytest.raises(RuntimeError):
            hasher.hash("broken")
    assert hasher.hash("next") == "hash of next"


def test_place_is_free_again_after_an_error(argon2: SlowArgon2) -> None:
    guard = GuardedPasswords(slow(argon2, wait=IMPATIENT), places=1)
    argon2.may_end.set()
    for _ in range(3):
        with pytest.raises(RuntimeError), guard.admit() as hasher:
            hasher.hash("broken")
    with guard.admit() as hasher:
        assert hasher.hash("next") == "hash of next"


def test_place_is_free_again_after_waiting_in_vain(argon2: SlowArgon2) -> None:
    guard = GuardedPasswords(slow(argon2, wait=IMPATIENT), places=2)
    with ThreadPoolExecutor(1) as pool, guard.admit() as hasher:
        first = pool.submit(hasher.hash, "first")
        assert argon2.began.acquire(timeout=30)
        for _ in range(3):
            with pytest.raises(Busy), guard.admit() as other:
                other.hash("second")
        argon2.may_end.set()
        assert first.result(30) == "hash of first"
