"""Guessed passwords: the exact number of attempts, for known and unknown names alike, and the end
of a lock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask

from identity.domain.errors import IdentityError, RateLimited, Unauthenticated
from identity.domain.principal import operator
from support.accounts import ADMIN, HAWK, populate
from support.app import by_token, principal, services, token_principal
from support.clock import ManualClock
from support.database import rows
from support.hashing import count_hashes

FAILURES, LOCK = 5, 900


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    app = make_app(lockout_failures=str(FAILURES), lockout_seconds=str(LOCK), ip_failures="0")
    populate(app)
    return app


def guess(app: Flask, name: str = "hawk", password: str = "wrong") -> type[IdentityError] | None:
    try:
        principal(app, name, password)
    except IdentityError as error:
        return Unauthenticated if isinstance(error, Unauthenticated) else type(error)
    return None


def lock(app: Flask, name: str = "hawk") -> None:
    assert [guess(app, name) for _ in range(FAILURES)] == [Unauthenticated] * FAILURES


def test_name_is_locked_after_the_exact_number_of_failures_with_or_without_an_account(
    app: Flask,
) -> None:
    for name in ("hawk", "nobody", "ha:wk", "", "x" * 64, "\u0430dmin"):
        hashes = count_hashes(app)
        lock(app, name)
        assert [guess(app, name) for _ in range(3)] == [RateLimited] * 3
        assert len(hashes.checked) == FAILURES


def test_locked_name_is_refused_with_the_right_password_too_and_has_retry_after(
    app: Flask, clock: ManualClock
) -> None:
    lock(app)
    clock.advance(seconds=100)
    hashes = count_hashes(app)
    with pytest.raises(RateLimited) as refusal:
        principal(app, *HAWK)
    assert refusal.value.retry_after == timedelta(seconds=LOCK - 100)
    assert hashes.checked == []


def test_lock_ends_by_itself_and_trying_does_not_extend_it(app: Flask, clock: ManualClock) -> None:
    lock(app)
    for _ in range(LOCK - 1):
        clock.advance(seconds=1)
        if clock.now().second % 20 == 0:
            assert guess(app) is RateLimited
    clock.advance(seconds=1)
    assert guess(app, *HAWK) is None


def test_counting_begins_anew_after_a_lock(app: Flask, clock: ManualClock) -> None:
    lock(app)
    clock.advance(seconds=LOCK)
    lock(app)
    assert guess(app) is RateLimited


def test_failures_are_forgotten_when_none_followed_for_the_time_of_a_lock(
    app: Flask, clock: ManualClock
) -> None:
    for _ in range(3):
        for _ in range(FAILURES - 1):
            assert guess(app) is Unauthenticated
        clock.advance(seconds=LOCK)
    for _ in range(FAILURES - 1):
        clock.advance(seconds=LOCK - 1)
        assert guess(app) is Unauthenticated
    clock.advance(seconds=LOCK - 1)
    assert guess(app) is Unauthenticated
    assert guess(app) is RateLimited


def test_success_clears_the_count(app: Flask) -> None:
    for _ in range(3):
        assert [guess(app) for _ in range(FAILURES - 1)] == [Unauthenticated] * (FAILURES - 1)
        assert guess(app, *HAWK) is None
    assert rows(app, "SELECT key FROM counter WHERE count > 0") == []


def test_success_of_another_account_clears_nothing(app: Flask) -> None:
    for _ in range(FAILURES):
        assert guess(app) is Unauthenticated
        assert guess(app, *ADMIN) is None
    assert guess(app) is RateLimited


def test_locked_name_leaves_other_names_alone(app: Flask) -> None:
    lock(app)
    assert guess(app, *ADMIN) is None
    assert guess(app, "nobody") is Unauthenticated


def test_spellings_of_one_name_share_one_count(app: Flask) -> None:
    spellings = ["hawk", "HAWK", "Hawk", "\uff48awk", "haw\u212a"]
    assert [guess(app, each) for each in spellings] == [Unauthenticated] * FAILURES
    assert [guess(app, each) for each in spellings] == [RateLimited] * FAILURES
    assert len(rows(app, "SELECT key FROM counter")) == 1


def test_administrator_sees_the_lock_and_unlocks(app: Flask, clock: ManualClock) -> None:
    use, accounts = services(app).administration, services(app).account_list
    for _ in range(FAILURES - 1):
        guess(app)
    assert accounts.fetch(operator(), 2).locked_until is None
    guess(app)
    until = clock.now() + timedelta(seconds=LOCK)
    assert accounts.fetch(operator(), 2).locked_until == until
    listed = accounts.page(operator(), search=None, cursor=None, limit=9).items
    assert [view.locked_until for view in listed] == [until, None]
    assert use.unlock(operator(), 2).locked_until is None
    assert guess(app, *HAWK) is None


def test_lock_is_no_longer_shown_when_it_has_expired(app: Flask, clock: ManualClock) -> None:
    lock(app)
    clock.advance(seconds=LOCK)
    assert services(app).account_list.fetch(operator(), 2).locked_until is None


def test_lock_keeps_no_token_from_working(app: Flask) -> None:
    token, _ = token_principal(app, *HAWK)
    lock(app)
    assert by_token(app, token).account.id == 2


def test_lock_counts_for_every_node_and_after_a_restart(
    app: Flask, make_app: Callable[..., Flask]
) -> None:
    other = make_app(lockout_failures=str(FAILURES))
    assert [guess(each) for each in (app, other, app, other, app)] == [Unauthenticated] * FAILURES
    assert [
        guess(each, *HAWK) for each in (app, other, make_app(lockout_failures=str(FAILURES)))
    ] == [RateLimited] * 3


def test_keys_of_counters_do_not_tell_the_names(app: Flask) -> None:
    guess(app, "canary")
    ((key,),) = rows(app, "SELECT key FROM counter")
    assert len(key) == 64
    assert "canary" not in key


def test_expired_counters_are_swept_a_few_at_a_time(app: Flask, clock: ManualClock) -> None:
    for number in range(50):
        guess(app, f"nobody{number}")
    clock.advance(seconds=LOCK)
    for number in range(3):
        guess(app, f"other{number}")
    assert len(rows(app, "SELECT key FROM counter")) == 3
