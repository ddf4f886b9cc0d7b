"""Where a password is counted: by name, by IP, by account at a known IP, by session; and how locks
are lifted."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from identity.domain.credentials import Credential
from identity.domain.errors import IdentityError, RateLimited, WrongPassword
from identity.domain.limits import client_network
from identity.domain.principal import Origin, Principal, operator
from identity.services.accounts.registration import NewAccount
from identity.services.authentication.passwords import Authentication
from identity.services.limits.refusal_cache import RefusalCache
from support.accounts import ADMIN, HAWK, populate
from support.app import ORIGIN, audit_events, by_token, services, token_principal
from support.clock import ManualClock
from support.database import execute, rows, statements
from support.hashing import count_hashes
from support.waiting import wait_until

NAME, IP, LOCK = 4, 6, 900


class Quiet:
    """No news."""

    generation = 0

    def is_current(self) -> bool:
        """Be sure of it."""
        return True


HERE, THERE, ELSEWHERE = "192.0.2.1", "198.51.100.1", "203.0.113.1"
WRITING = ("INSERT", "UPDATE", "DELETE")


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    app = make_app(lockout_failures=str(NAME), ip_failures=str(IP))
    populate(app)
    return app


def guess(app: Flask, name: str = "hawk", password: str = "wrong", *, at: str = THERE) -> str:
    """Return the name of the refusal, or "in"."""
    try:
        services(app).authentication.by_password(name, password, Origin(at, "test", "native"))
    except IdentityError as error:
        return type(error).__name__
    return "in"


def lock_name(app: Flask, name: str = "hawk", *, at: str = THERE) -> None:
    for _ in range(NAME):
        assert guess(app, name, at=at) != "RateLimited"
    assert guess(app, name, at=at) == "RateLimited"


def lock_ip(app: Flask, *, at: str = THERE) -> None:
    for number in range(IP):
        assert guess(app, f"nobody{number}", at=at) == "UnknownAccount"
    assert guess(app, "unknown", at=at) == "RateLimited"


@pytest.mark.parametrize(
    ("ip", "group"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2::", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::6", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", "-"),
        ("unknown", "-"),
        ("192.0.2.1:80", "192.0.2.1"),
        ("[::ffff:192.0.2.1]:4711", "192.0.2.1"),
        ("[2001:db8:1:2::6]:4711", "2001:db8:1:2::/64"),
        ("[2001:db8:1:2::6]", "2001:db8:1:2::/64"),
        ("192.0.2.1:", "-"),
        ("[192.0.2.1", "-"),
        ("192.0.2.1:http", "-"),
        ("192.0.2.01", "-"),
        ("/run/identity.sock", "-"),
    ],
)
def test_ip_is_grouped_as_one_caller(ip: str, group: str) -> None:
    assert client_network(ip) == group


def test_one_ip_tries_so_many_passwords_for_every_account(app: Flask) -> None:
    hashes = count_hashes(app)
    lock_ip(app)
    assert guess(app, *HAWK) == "RateLimited"
    assert len(hashes.checked) == IP
    assert guess(app, *HAWK, at=ELSEWHERE) == "in"


def test_ip_of_many_spellings_is_one(app: Flask) -> None:
    for number in range(IP):
        assert guess(app, f"nobody{number}", at=f"2001:db8:0:1::{number}") == "UnknownAccount"
    assert guess(app, *HAWK, at="2001:db8:0:1:ffff::") == "RateLimited"
    assert guess(app, *HAWK, at="2001:db8:0:2::") == "in"
    lock_ip(app, at="::ffff:198.51.100.1")
    assert guess(app, *ADMIN, at=THERE) == "RateLimited"


def test_window_of_an_ip_is_fixed(app: Flask, clock: ManualClock) -> None:
    for number in range(IP - 1):
        guess(app, f"nobody{number}")
    clock.advance(seconds=LOCK - 1)
    guess(app, "nobody")
    assert guess(app, *HAWK) == "RateLimited"
    clock.advance(seconds=1)
    assert guess(app, *HAWK) == "in"


def test_success_takes_back_its_own_attempt_from_the_ip_and_no_other(app: Flask) -> None:
    for number in range(IP - 1):
        guess(app, f"nobody{number}")
        assert guess(app, *HAWK) == "in"
    assert guess(app, *ADMIN) == "in"
    assert guess(app, "nobody") == "UnknownAccount"
    assert guess(app, "unknown") == "RateLimited"


def test_refusal_of_an_ip_counts_for_no_name_and_the_other_way_round(app: Flask) -> None:
    lock_name(app)
    assert [guess(app) for _ in range(IP)] == ["RateLimited"] * IP
    assert guess(app, "nobody") == guess(app, "unknown") == "UnknownAccount"
    assert [guess(app, "kite") for _ in range(NAME)] == ["RateLimited"] * NAME
    assert guess(app, "kite", at=ELSEWHERE) == "UnknownAccount"


def test_owner_gets_in_at_a_known_ip_despite_other_failures(app: Flask) -> None:
    assert guess(app, *HAWK, at=HERE) == "in"
    lock_name(app, at=THERE)
    assert guess(app, *HAWK, at=ELSEWHERE) == "RateLimited"
    assert guess(app, *HAWK, at=HERE) == "in"
    lock_ip(app, at=HERE)
    assert guess(app, *HAWK, at=HERE) == "in"
    assert guess(app, *ADMIN, at=HERE) == "RateLimited"


def test_a_registration_makes_the_ip_known(app: Flask) -> None:
    wanted = NewAccount("kite", "newpwd")
    services(app).accounts.register(Principal(Origin(HERE, "test", "native")), wanted)
    lock_name(app, "kite", at=THERE)
    assert guess(app, "kite", "newpwd", at=HERE) == "in"


def test_guesses_where_an_account_is_known_are_limited_too(app: Flask) -> None:
    assert guess(app, *HAWK, at=HERE) == "in"
    lock_name(app, at=HERE)
    assert guess(app, *HAWK, at=HERE) == "RateLimited"
    assert guess(app, *HAWK, at=THERE) == "in"
    assert guess(app, *ADMIN, at=HERE) == "in"


def test_success_where_known_gives_guessers_elsewhere_no_new_tries(app: Flask) -> None:
    assert guess(app, *HAWK, at=HERE) == "in"
    for _ in range(NAME):
        assert guess(app, at=THERE) == "Unauthenticated"
        assert guess(app, *HAWK, at=HERE) == "in"
    assert guess(app, at=THERE) == "RateLimited"


def test_account_is_known_for_thirty_days_from_its_last_login(
    app: Flask, clock: ManualClock
) -> None:
    for _ in range(3):
        assert guess(app, *HAWK, at=HERE) == "in"
        clock.advance(days=29)
    lock_name(app)
    assert guess(app, *HAWK, at=HERE) == "in"
    clock.advance(days=30)
    lock_name(app)
    assert guess(app, *HAWK, at=HERE) == "RateLimited"


def test_confirmation_beside_a_session_is_not_affected(app: Flask, clock: ManualClock) -> None:
    _, caller = token_principal(app, *HAWK)
    other = by_token(app, token_principal(app, *HAWK)[0])
    lock_name(app, at=ORIGIN.ip)
    lock_name(app, at=THERE)
    confirm = services(app).authentication.confirm
    assert confirm(caller, "newpwd") == clock.now()
    for _ in range(NAME):
        with pytest.raises(WrongPassword):
            confirm(caller, "wrong")
    with pytest.raises(RateLimited):
        confirm(caller, "newpwd")
    assert confirm(other, "newpwd") == clock.now()


def test_confirmation_beside_a_certificate_is_counted_for_the_certificates(app: Flask) -> None:
    _, caller = token_principal(app, *HAWK)
    holder = Principal(ORIGIN, caller.subject, Credential.CERTIFICATE)
    lock_name(app, at=ORIGIN.ip)
    assert services(app).authentication.confirm(holder, "newpwd")


def test_lock_leaves_one_event_in_its_window(app: Flask, clock: ManualClock) -> None:
    for _ in range(2):
        for name in ("hawk", "nobody"):
            lock_name(app, name, at=ELSEWHERE)
            assert [guess(app, name, at=at) for at in (THERE, HERE, THERE)] == ["RateLimited"] * 3
            clock.advance(seconds=LOCK)
    found = [
        (event.subject_id, event.subject)
        for event in audit_events(app, operator())
        if event.kind.endswith(".locked")
    ]
    unknown = services(app).audit._pseudonyms.of("nobody")
    assert found == [(2, "hawk"), (None, unknown)] * 2


def test_refusal_after_the_first_is_two_reads_without_a_write_or_a_slot(
    make_app: Callable[..., Flask],
) -> None:
    app = make_app(lockout_failures=str(NAME), ip_failures=str(IP), hash_queue="1")
    populate(app)
    hear_news(app)
    lock_name(app)
    lock_ip(app, at=ELSEWHERE)
    services(app).authentication._limits.refusals._entries.clear()
    with statements(app) as seen, services(app).authentication._passwords.admit():
        assert [guess(app), guess(app, "nobody", at=ELSEWHERE)] == ["RateLimited"] * 2
        assert [each for each in seen if each.startswith(WRITING)] == []
        assert len([each for each in seen if each.startswith("SELECT")]) == 4
        seen.clear()
        assert [guess(app), guess(app, "nobody", at=ELSEWHERE)] * 5 == ["RateLimited"] * 10
        assert seen == []


def test_refusal_is_remembered_no_longer_than_its_lock(app: Flask, clock: ManualClock) -> None:
    hear_news(app)
    lock_name(app)
    execute(app, "DELETE FROM counter")
    clock.advance(seconds=LOCK - 1)
    assert guess(app) == "RateLimited"
    clock.advance(seconds=1)
    assert guess(app) == "Unauthenticated"


@pytest.fixture
def nodes(app: Flask, make_app: Callable[..., Flask]) -> Sequence[Flask]:
    """Two nodes that listen to each other."""
    both = (app, make_app(lockout_failures=str(NAME), ip_failures=str(IP)))
    hear_news(*both)
    return both


def hear_news(*apps: Flask) -> None:
    """Wait until these hear of changes: before that a refusal is looked up each time."""
    wait_until(lambda: all(services(each).journal.is_current() for each in apps))


def ends(app: Flask, name: str, *, at: str = THERE) -> bool:
    """Tell whether a refusal ends before its process would have forgotten it by itself."""
    begun = asked = time.monotonic()
    while guess(app, name, at=at) == "RateLimited":
        if asked > begun + 0.9:
            return False
        time.sleep(0.02)
        asked = time.monotonic()
    return True


def test_lock_lifted_on_another_node_is_felt_at_once(nodes: Sequence[Flask]) -> None:
    here, there = nodes
    lock_name(there)
    services(here).administration.unlock(operator(), 2)
    assert ends(there, "hawk")
    lock_name(there, "nobody", at=HERE)
    services(here).locks.lift(operator(), "nobody")
    assert ends(there, "nobody", at=HERE)
    lock_ip(there, at=ELSEWHERE)
    services(here).locks.lift(operator(), ELSEWHERE)
    assert ends(there, "unknown", at=ELSEWHERE)


def test_no_caller_is_refused_for_what_the_right_password_has_cleared_while_others_were_refused(
    nodes: Sequence[Flask], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = nodes
    check = Authentication._check

    def check_late(*arguments: Any) -> bool:
        if arguments[-1] == HAWK[1]:
            assert [guess(here), guess(there)] == ["RateLimited"] * 2
        return check(*arguments)

    assert [guess(here) for _ in range(NAME - 1)] == ["Unauthenticated"] * (NAME - 1)
    with monkeypatch.context() as patched:
        patched.setattr(Authentication, "_check", check_late)
        assert guess(here, *HAWK) == "in"
    assert guess(here, *HAWK) == "in"
    assert ends(there, "hawk")


def test_refusals_that_are_remembered_are_bounded(clock: ManualClock) -> None:
    refusals = RefusalCache(clock, Quiet())
    for number in range(10_500):
        with pytest.raises(RateLimited), refusals.remembered(number):
            raise RateLimited(timedelta(seconds=LOCK))
    assert len(refusals._entries) == 10_000
    with pytest.raises(RateLimited), refusals.remembered(10_499):
        raise AssertionError


def test_administrator_sees_and_lifts_every_lock_of_an_account(
    app: Flask, clock: ManualClock
) -> None:
    use, accounts = services(app).administration, services(app).account_list
    _, caller = token_principal(app, *HAWK)
    assert guess(app, *HAWK, at=HERE) == "in"
    for step, lock in enumerate(
        (lambda: lock_name(app, at=HERE), lambda: lock_name(app, at=THERE))
    ):
        assert (accounts.fetch(operator(), 2).locked_until is None) == (step == 0)
        lock()
        clock.advance(seconds=1)
    until = clock.now() + timedelta(seconds=LOCK - 1)
    assert accounts.fetch(operator(), 2).locked_until == until
    assert [
        each.locked_until
        for each in accounts.page(operator(), search=None, cursor=None, limit=9).items
    ] == [
        until,
        None,
    ]
    for _ in range(NAME):
        with pytest.raises(WrongPassword):
            services(app).authentication.confirm(caller, "wrong")
    assert use.unlock(operator(), 2).locked_until is None
    assert services(app).authentication.confirm(caller, "newpwd")
    assert [guess(app, *HAWK, at=at) for at in (HERE, THERE)] == ["in", "in"]


def test_unlocking_leaves_the_account_known(app: Flask) -> None:
    assert guess(app, *HAWK, at=HERE) == "in"
    services(app).administration.unlock(operator(), 2)
    lock_name(app, at=THERE)
    assert guess(app, *HAWK, at=HERE) == "in"


def test_unlocking_one_account_leaves_others_locked(app: Flask) -> None:
    for who in (HAWK, ADMIN):
        assert guess(app, *who, at=HERE) == "in"
        lock_name(app, who[0], at=HERE)
    services(app).administration.unlock(operator(), 2)
    assert [guess(app, *who, at=HERE) for who in (HAWK, ADMIN)] == ["in", "RateLimited"]


@pytest.mark.parametrize("what", ["HAWK", "hawk@example.org"])
def test_lock_of_a_name_is_lifted_by_either_name(app: Flask, what: str) -> None:
    services(app).accounts.create(
        operator(), NewAccount("kite", "newpwd", "hawk@example.org"), admin=False
    )
    owner = "kite" if "@" in what else "hawk"
    lock_name(app, owner)
    assert services(app).locks.lift(operator(), what).username == owner
    assert guess(app, owner, "newpwd") == "in"
    event = audit_events(app, operator())[-2]
    assert (event.kind, event.subject, event.credential) == ("account.unlocked", owner, "operator")


def test_lock_of_a_name_without_an_account_is_lifted(app: Flask) -> None:
    lock_name(app, "nobody")
    assert services(app).locks.lift(operator(), "Nobody").username is None
    assert guess(app, "nobody") == "UnknownAccount"


@pytest.mark.parametrize("what", ["2001:db8::7", "2001:db8::/64", "2001:DB8:0:0:1::"])
def test_lock_of_an_ip_is_lifted(app: Flask, what: str) -> None:
    lock_ip(app, at="2001:db8::1")
    lifted = services(app).locks.lift(operator(), what)
    assert (lifted.username, lifted.network) == (None, "2001:db8::/64")
    assert guess(app, *HAWK, at="2001:db8::1") == "in"
    event = next(each for each in audit_events(app, operator()) if each.kind == "ip.unlocked")
    assert (event.subject_id, event.subject) == (None, "2001:db8::/64")


def test_limit_of_ips_can_be_switched_off(make_app: Callable[..., Flask]) -> None:
    app = make_app(ip_failures="0")
    for number in range(120):
        guess(app, f"nobody{number}")
    assert guess(app, "nobody") == "UnknownAccount"


def test_failures_of_an_ip_hold_for_every_node_and_after_a_restart(
    app: Flask, make_app: Callable[..., Flask]
) -> None:
    lock_ip(app)
    assert guess(make_app(ip_failures=str(IP)), *HAWK) == "RateLimited"


def test_rows_stay_bounded_and_tell_nothing(app: Flask, clock: ManualClock) -> None:
    for number in range(60):
        guess(app, f"nobody{number}", at=f"192.0.2.{number}")
        clock.advance(seconds=LOCK / 3)
    found = rows(app, "SELECT key FROM counter")
    assert len(found) <= 20
    assert all(len(key) == 64 and set(key) <= set("0123456789abcdef") for (key,) in found)
