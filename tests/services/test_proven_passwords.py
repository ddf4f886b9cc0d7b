"""A password that was just verified is not hashed again; equal ones at the same time cost one
hash."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from flask import Flask

from identity.domain.errors import Busy, IdentityError, RateLimited, Unauthenticated
from identity.domain.principal import Origin, operator
from identity.services.accounts.changes import ProfileChange
from identity.services.accounts.registration import NewAccount
from identity.services.authentication.proven_passwords import ProvenPasswords
from support.accounts import ADMIN, HAWK, populate
from support.app import ORIGIN, principal, services
from support.database import rows
from support.hashing import CountedPasswords, count_hashes
from support.waiting import wait_until

IP_LIMIT = 6
SUM = "SELECT coalesce(sum(count), 0) FROM counter"


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    made = make_app(password_memory_seconds="5", ip_failures=str(IP_LIMIT), lockout_failures="4")
    populate(made)
    return made


def log_in(app: Flask, name: str = HAWK[0], password: str = HAWK[1], *, at: str = ORIGIN.ip) -> str:
    try:
        services(app).authentication.by_password(name, password, Origin(at, "test", "native"))
    except IdentityError as error:
        return type(error).__name__
    return "in"


def test_a_password_that_was_right_just_now_is_not_hashed_again(app: Flask) -> None:
    hashes = count_hashes(app)
    assert [log_in(app) for _ in range(10)] == ["in"] * 10
    assert len(hashes.checked) == 1
    events = (
        "SELECT count(*) FROM audit_event WHERE kind = 'authentication' AND outcome = 'accepted'"
    )
    assert rows(app, events) == [(10,)]


def test_it_is_hashed_again_after_its_time(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    hashes, now = count_hashes(app), [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    for after, computed in ((0, 1), (4.9, 1), (0.2, 2), (4.9, 2), (5.1, 3)):
        now[0] += after
        assert log_in(app) == "in"
        assert len(hashes.checked) == computed


@pytest.mark.parametrize("wrong", ["newpwe", "NEWPWD", "newpwd ", "", "w" * 300])
def test_a_wrong_password_is_hashed_counted_and_refused_despite_the_cache(
    app: Flask, wrong: str
) -> None:
    log_in(app)
    hashes = count_hashes(app)
    assert [log_in(app, password=wrong) for _ in range(5)] == ["Unauthenticated"] * 4 + [
        "RateLimited"
    ]
    assert len(hashes.checked) == 4
    assert log_in(app) == "RateLimited"  # a lock holds for who is known, too


def test_what_is_known_of_one_account_is_nothing_for_another(app: Flask) -> None:
    services(app).accounts.create(operator(), NewAccount("kite", HAWK[1]), admin=False)
    hashes = count_hashes(app)
    assert [log_in(app), log_in(app, "kite"), log_in(app, "nobody"), log_in(app, "admin")] == [
        *("in", "in", "UnknownAccount", "Unauthenticated")
    ]
    assert len(hashes.checked) == 4


ENDINGS: dict[str, Callable[[Flask], object]] = {
    "another password": lambda app: services(app).profiles.change(
        principal(app, *HAWK), ProfileChange(), password="other-pw", current_password=HAWK[1]
    ),
    "disabled": lambda app: services(app).administration.disable(operator(), 2),
    "deleted": lambda app: services(app).administration.delete(operator(), 2),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_is_known_ends_with_the_password_and_with_the_account_on_every_node(
    app: Flask, make_app: Callable[..., Flask], ending: str
) -> None:
    other = make_app(password_memory_seconds="60")
    assert (log_in(app), log_in(other)) == ("in", "in")
    ENDINGS[ending](app)
    for node in (app, other):
        assert log_in(node) in {"Unauthenticated", "UnknownAccount"}


def test_another_spelling_of_the_same_password_is_hashed_for_itself(app: Flask) -> None:
    services(app).accounts.create(operator(), NewAccount("kite", "caf\u00e9"), admin=False)
    hashes = count_hashes(app)
    assert [log_in(app, "kite", typed) for typed in ("caf\u00e9", "cafe\u0301") * 2] == ["in"] * 4
    assert len(hashes.checked) == 2


def test_logging_out_everywhere_has_the_password_hashed_once_more(app: Flask) -> None:
    log_in(app)
    services(app).administration.revoke_sessions(operator(), 2)
    hashes = count_hashes(app)
    assert (log_in(app), len(hashes.checked)) == ("in", 1)


def test_a_login_that_was_not_counted_takes_no_other_failure_back(app: Flask) -> None:
    log_in(app)
    for name in ("one", "two", "three"):
        log_in(app, name)
    before = rows(app, SUM)
    for _ in range(10):
        assert log_in(app) == "in"
    assert rows(app, SUM) == before


def test_right_logins_do_not_lengthen_what_an_ip_may_try(app: Flask) -> None:
    there = "198.51.100.9"
    services(app).authentication.by_password(*ADMIN, Origin("203.0.113.1", "test", "native"))
    outcomes = []
    for number in range(IP_LIMIT + 3):
        outcomes.append(log_in(app, f"nobody{number}", at=there))
        log_in(app, *ADMIN, at=there)
        log_in(app, *ADMIN, at=there)
    assert outcomes == ["UnknownAccount"] * IP_LIMIT + ["RateLimited"] * 3


def test_a_right_password_ends_failures_in_a_row_also_where_it_is_known(app: Flask) -> None:
    for _ in range(3):
        assert log_in(app) == "in"
        assert [log_in(app, password="wrong") for _ in range(3)] == ["Unauthenticated"] * 3


def parallel(app: Flask, hashes: CountedPasswords, password: str, callers: int) -> list[str]:
    """Log in by several threads, of which none gets its answer before all have asked."""
    proven = services(app).authentication._proven
    hashes.meanwhile = lambda: wait_until(lambda: proven._waiting == callers - 1)
    with ThreadPoolExecutor(callers) as pool:
        return list(pool.map(lambda _: log_in(app, password=password), range(callers)))


def test_equal_right_passwords_at_the_same_time_cost_one_hash(
    make_app: Callable[..., Flask],
) -> None:
    app = make_app(password_memory_seconds="5", hash_queue="2", database_pool="20")
    populate(app)
    hashes = count_hashes(app)
    assert parallel(app, hashes, HAWK[1], 12) == ["in"] * 12
    assert len(hashes.checked) == 1


def test_equal_wrong_passwords_at_the_same_time_are_counted_each(app: Flask) -> None:
    hashes = count_hashes(app)
    answers = parallel(app, hashes, "wrong", 8)
    assert sorted(answers) == ["RateLimited"] * 4 + ["Unauthenticated"] * 4
    assert len(hashes.checked) == 1
    refused = (
        "SELECT count(*) FROM audit_event WHERE kind = 'authentication' AND outcome = 'refused'"
    )
    assert rows(app, refused) == [(4,)]


def test_an_account_that_is_disabled_meanwhile_lets_none_of_those_who_wait_in(app: Flask) -> None:
    hashes = count_hashes(app)
    proven = services(app).authentication._proven

    def disable() -> None:
        wait_until(lambda: proven._waiting == 3)
        services(app).administration.disable(operator(), 2)

    hashes.meanwhile = disable
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda _: log_in(app), range(4))) == ["Unauthenticated"] * 4


def test_with_zero_seconds_every_password_is_hashed(make_app: Callable[..., Flask]) -> None:
    app = make_app(password_memory_seconds="0")
    populate(app)
    hashes = count_hashes(app)
    assert [log_in(app) for _ in range(5)] == ["in"] * 5
    assert len(hashes.checked) == 5


# The memory itself.


def test_a_waiting_caller_learns_that_there_was_no_slot() -> None:
    proven, began, end = ProvenPasswords(timedelta(seconds=5)), threading.Event(), threading.Event()

    def turned_away() -> bool:
        began.set()
        assert end.wait(60)
        raise Busy(timedelta(seconds=1))

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(proven.check, b"x", turned_away)
        assert began.wait(60)
        second = pool.submit(proven.check, b"x", lambda: True)
        wait_until(lambda: proven._waiting == 1)
        end.set()
        assert [type(each.exception(30)) for each in (first, second)] == [Busy, Busy]
    assert (proven._waiting, proven._running) == (0, {})


@pytest.mark.parametrize(
    "error", [RateLimited(timedelta(seconds=1)), RuntimeError("broken"), Unauthenticated()]
)
def test_who_waits_computes_where_the_first_got_no_verdict(error: Exception) -> None:
    proven, began, end = ProvenPasswords(timedelta(seconds=5)), threading.Event(), threading.Event()

    def fails() -> bool:
        began.set()
        assert end.wait(60)
        raise error

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(proven.check, b"x", fails)
        assert began.wait(60)
        second = pool.submit(proven.check, b"x", lambda: True)
        wait_until(lambda: proven._waiting == 1)
        end.set()
        assert first.exception(30) is error
        assert second.result(30) == (True, True)


def test_few_wait_where_many_different_passwords_are_under_way() -> None:
    proven, end = ProvenPasswords(timedelta(seconds=5)), threading.Event()

    def slow() -> bool:
        assert end.wait(60)
        return True

    with ThreadPoolExecutor(20) as pool:
        leaders = [pool.submit(proven.check, bytes([number]), slow) for number in range(3)]
        wait_until(lambda: len(proven._running) == 3)
        waiting = [pool.submit(proven.check, b"\0", lambda: False) for _ in range(4)]
        wait_until(lambda: proven._waiting == 4)
        assert proven.check(b"\0", lambda: False) == (False, True)  # goes its own way, to the queue
        end.set()
        assert {each.result(30) for each in leaders} == {(True, True)}
        assert {each.result(30) for each in waiting} == {(True, False)}


def test_memory_is_bounded_and_what_is_over_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    proven = ProvenPasswords(timedelta(seconds=5))
    for number in range(5000):
        proven.check(str(number).encode(), lambda: True)
    assert len(proven._expires_at) == 1024
    now[0] = 6.0
    proven.check(b"x", lambda: True)
    assert list(proven._expires_at) == [b"x"]


def test_nothing_of_a_password_is_kept(app: Flask) -> None:
    log_in(app)
    kept = services(app).authentication._proven._expires_at
    assert [len(each) for each in kept] == [32]
    assert HAWK[1] not in repr(kept)
