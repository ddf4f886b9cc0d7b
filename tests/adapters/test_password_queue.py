"""The admission queue: one request computes a hash, a few wait, and the rest are refused at
once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from identity.adapters.passwords.argon2 import Argon2Cost, Argon2Hasher
from identity.adapters.passwords.queue import AdmissionQueue
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
        assert self.may_end.wait(60)
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
    guard = AdmissionQueue(slow(argon2, wait=PATIENT), slots=8)
    argon2.may_end.set()

    def work(number: int) -> str:
        with guard.admit() as hasher:
            return hasher.hash(str(number))

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(8))) == [f"hash of {number}" for number in range(8)]
    assert (argon2.calls, argon2.most) == (8, 1)


def test_caller_is_turned_away_at_once_when_every_slot_is_taken(argon2: SlowArgon2) -> None:
    guard = AdmissionQueue(slow(argon2, wait=PATIENT), slots=2)

    def come() -> None:
        with guard.admit():
            pytest.fail("admitted to a full queue")

    with ThreadPoolExecutor(1) as pool, guard.admit(), guard.admit():
        refusal = pool.submit(come).exception(timeout=60)  # both slots stay taken meanwhile
        assert isinstance(refusal, Busy)
        assert refusal.retry_after == timedelta(seconds=1)
    assert argon2.calls == 0
    with guard.admit(), guard.admit():
        pass


def test_caller_who_waits_too_long_for_the_slot_gets_busy(argon2: SlowArgon2) -> None:
    hasher = slow(argon2, wait=IMPATIENT)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(hasher.hash, "first")
        assert argon2.began.acquire(timeout=60)
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
    guard = AdmissionQueue(slow(argon2, wait=IMPATIENT), slots=1)
    argon2.may_end.set()
    for _ in range(3):
        with pytest.raises(RuntimeError), guard.admit() as hasher:
            hasher.hash("broken")
    with guard.admit() as hasher:
        assert hasher.hash("next") == "hash of next"


def test_place_is_free_again_after_waiting_in_vain(argon2: SlowArgon2) -> None:
    guard = AdmissionQueue(slow(argon2, wait=IMPATIENT), slots=2)
    with ThreadPoolExecutor(1) as pool, guard.admit() as hasher:
        first = pool.submit(hasher.hash, "first")
        assert argon2.began.acquire(timeout=60)
        for _ in range(3):
            with pytest.raises(Busy), guard.admit() as other:
                other.hash("second")
        argon2.may_end.set()
        assert first.result(30) == "hash of first"


HERE, NEIGHBOUR, THERE = "192.0.2.1", "2001:db8::1", "198.51.100.7"


def turned_away(guard: AdmissionQueue, ip: str, name: str = "hawk") -> bool:
    try:
        with guard.admit(ip, name):
            return False
    except Busy:
        return True


@pytest.fixture
def flooded(argon2: SlowArgon2) -> Iterator[AdmissionQueue]:
    """A queue whose two slots one IP has taken."""
    guard = AdmissionQueue(slow(argon2, wait=PATIENT), slots=2)
    with guard.admit(HERE), guard.admit(f"::ffff:{HERE}"):
        yield guard


def test_an_ip_that_takes_every_slot_leaves_one_to_others(flooded: AdmissionQueue) -> None:
    assert turned_away(flooded, HERE)
    with flooded.admit(THERE):
        assert turned_away(flooded, NEIGHBOUR)
    assert not turned_away(flooded, NEIGHBOUR)
    assert turned_away(flooded, HERE)


def test_an_ip_is_known_by_its_network(argon2: SlowArgon2) -> None:
    guard = AdmissionQueue(slow(argon2, wait=PATIENT), slots=2)
    with guard.admit("2001:db8::1"), guard.admit("2001:db8::2"):
        assert turned_away(guard, "2001:db8::3")
        assert not turned_away(guard, "2001:db8:0:1::1")


def test_a_client_that_backs_off_gets_the_reserved_slot(
    flooded: AdmissionQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr("identity.adapters.passwords.queue.time.monotonic", lambda: now)
    assert turned_away(flooded, HERE, "patient")
    for tenth in range(1, 10):
        now = tenth / 10
        assert turned_away(flooded, HERE, "pushing")
    now = 1.0
    assert turned_away(flooded, HERE, "pushing")
    assert not turned_away(flooded, HERE, "patient")
    assert turned_away(flooded, HERE, "patient")  # each turn once
    now = 2.0
    with flooded.admit(HERE, "patient"):
        assert turned_away(flooded, THERE)  # now all are taken


def test_clients_that_back_off_take_bounded_memory(flooded: AdmissionQueue) -> None:
    assert all(turned_away(flooded, HERE, f"name {number}") for number in range(10_000))
    assert len(flooded._refused_at) < 5000


def test_a_queue_without_waiters_keeps_no_slot(argon2: SlowArgon2) -> None:
    guard = AdmissionQueue(slow(argon2, wait=PATIENT), slots=1)
    with guard.admit(HERE):
        assert turned_away(guard, THERE)
    assert not turned_away(guard, HERE)


def test_the_queue_counts_right_however_many_come_and_go(argon2: SlowArgon2) -> None:
    guard = AdmissionQueue(slow(argon2, wait=PATIENT), slots=3)

    def come(number: int) -> None:
        for turn in range(200):
            turned_away(guard, f"192.0.2.{(number + turn) % 5}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(come, range(8)))
    assert (guard._free, dict(guard._held)) == (4, {})


def test_a_refused_client_is_refused_again_without_queueing_while_it_is_full(
    flooded: AdmissionQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr("identity.adapters.passwords.queue.time.monotonic", lambda: now)
    assert flooded.turned_away(HERE, "hawk") is None  # not asked yet
    assert turned_away(flooded, HERE, "hawk")
    refusal = flooded.turned_away(HERE, "hawk")
    assert refusal is not None
    assert refusal.retry_after == timedelta(seconds=1)
    assert flooded.turned_away(HERE, "kite") is None
    assert flooded.turned_away(THERE, "hawk") is None
    now = 0.9
    assert flooded.turned_away(HERE, "hawk")  # waits anew
    now = 1.8
    assert flooded.turned_away(HERE, "hawk")
    now = 2.9
    assert flooded.turned_away(HERE, "hawk") is None  # has waited
    assert not turned_away(flooded, HERE, "hawk")


def test_a_refused_client_is_admitted_as_soon_as_there_is_room(argon2: SlowArgon2) -> None:
    guard = AdmissionQueue(slow(argon2, wait=PATIENT), slots=2)
    with guard.admit(HERE), guard.admit(HERE):
        assert turned_away(guard, HERE)
        assert guard.turned_away(HERE, "hawk")
    assert guard.turned_away(HERE, "hawk") is None
    assert not turned_away(guard, HERE)
