"""The cache of sessions is bounded, and keeps what is in use."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity.domain.principal import Subject
from identity.services.sessions.cache import CachedSession, SessionCache, SessionState

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def of(number: int) -> CachedSession:
    subject = Subject(number, "hawk", admin=False, version=1, uuid="", short_id="")
    state = SessionState(subject, f"{number:032x}", NOW, NOW, idle_end=None, last_used_at=NOW)
    return CachedSession(state, number)


def test_a_session_is_found_until_it_is_forgotten() -> None:
    cache = SessionCache(9)
    cache.keep("a", of(1))
    cache.keep("b", of(2))
    cache.forget("a")
    assert [cache.find(key) for key in "abc"] == [None, of(2), None]


def test_a_session_of_the_older_half_is_forgotten_too() -> None:
    cache = SessionCache(4)
    for number, key in enumerate("abc"):
        cache.keep(key, of(number))
    assert cache.find("a") == of(0)
    cache.forget("a")
    assert cache.find("a") is None


def test_a_session_in_use_stays_while_others_come() -> None:
    cache = SessionCache(10)
    cache.keep("used", of(0))
    for number in range(1, 100):
        cache.keep(str(number), of(number))
        assert cache.find("used") == of(0)


@given(st.integers(1, 20), st.lists(st.integers(0, 40)))
def test_the_bound_is_kept_and_the_newest_half_is_found(bound: int, numbers: list[int]) -> None:
    cache = SessionCache(bound)
    for number in numbers:
        cache.keep(str(number), of(number))
        assert cache.find(str(number)) == of(number)
        assert len(cache) <= max(2, bound)
    half = max(1, bound // 2)
    latest = list(dict.fromkeys(reversed(numbers)))
    for number in latest[:1] if half == 1 else []:
        assert cache.find(str(number)) == of(number)


@pytest.mark.parametrize("bound", [1, 2, 3, 10])
def test_what_was_not_used_for_long_is_dropped(bound: int) -> None:
    cache = SessionCache(bound)
    for number in range(3 * bound):
        cache.keep(str(number), of(number))
    assert cache.find("0") is None
