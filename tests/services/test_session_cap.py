"""The cap of sessions: a new login evicts the one that was unused for longest, on all nodes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from identity.domain.principal import operator
from identity.domain.token_kinds import TokenKind
from support.accounts import HAWK, populate
from support.app import audit_events, by_token, is_refused, principal, services, token_principal
from support.clock import ManualClock
from support.concurrency import at_once
from support.database import rows
from support.waiting import wait_until

COUNT = "SELECT count(*) FROM session"


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    """An application in which an account has three sessions at most."""
    made = make_app(sessions_per_account="3")
    populate(made)
    return made


@pytest.mark.parametrize("kind", list(TokenKind))
def test_a_further_login_ends_the_oldest_session(
    app: Flask, clock: ManualClock, kind: TokenKind
) -> None:
    def log_in() -> str:
        clock.advance(seconds=1)
        caller = principal(app, *HAWK)
        if kind is TokenKind.ACCESS:
            return services(app).tokens.issue(caller).token
        return services(app).logins.open(caller, kind).token

    tokens = [log_in() for _ in range(4)]
    assert [is_refused(app, token) for token in tokens] == [True, False, False, False]
    assert rows(app, COUNT) == [(3,)]
    assert [event.kind for event in audit_events(app, operator())].count("sessions.dropped") == 1


def test_the_longest_unused_session_ends_and_not_the_oldest(app: Flask, clock: ManualClock) -> None:
    old, caller = token_principal(app, *HAWK)
    clock.advance(minutes=2)
    unused, *_ = token_principal(app, *HAWK)
    clock.advance(minutes=2)
    services(app).tokens.issue(caller)
    for _ in range(2):
        clock.advance(seconds=1)
        token_principal(app, *HAWK)
    assert (is_refused(app, old), is_refused(app, unused)) == (False, True)


@pytest.mark.parametrize("kind", [TokenKind.OPAQUE, TokenKind.PERSONAL])
def test_a_token_that_is_only_shown_counts_as_used(
    make_app: Callable[..., Flask], clock: ManualClock, kind: TokenKind
) -> None:
    app = make_app(sessions_per_account="2")
    populate(app)
    used = services(app).logins.open(principal(app, *HAWK), kind).token
    clock.advance(minutes=5)
    unused, _ = token_principal(app, *HAWK)
    clock.advance(minutes=56)
    by_token(app, used)
    token_principal(app, *HAWK)
    assert (is_refused(app, used), is_refused(app, unused)) == (False, True)


def test_others_keep_their_sessions(app: Flask) -> None:
    token, _ = token_principal(app, "admin", "changeme")
    for _ in range(4):
        token_principal(app, *HAWK)
    assert not is_refused(app, token)
    assert rows(app, COUNT) == [(4,)]


def test_an_evicted_session_is_refused_on_every_node(
    make_app: Callable[..., Flask], clock: ManualClock
) -> None:
    here, there = (make_app(sessions_per_account="1") for _ in range(2))
    populate(here)
    token, _ = token_principal(here, *HAWK)
    wait_until(services(there).journal.is_current)
    assert not is_refused(there, token)
    clock.advance(seconds=1)
    token_principal(here, *HAWK)
    assert is_refused(here, token)
    wait_until(lambda: is_refused(there, token))


def test_logins_at_once_leave_no_session_too_many(make_app: Callable[..., Flask]) -> None:
    nodes = [make_app(sessions_per_account="3", database_pool="20") for _ in range(2)]
    populate(nodes[0])
    proven = principal(nodes[0], *HAWK)
    for _ in range(3):
        results = at_once(
            *(lambda node=node: services(node).tokens.issue(proven) for node in nodes * 6)
        )
        assert [result for result in results if isinstance(result, Exception)] == []
        assert rows(nodes[0], COUNT) == [(3,)]


def test_what_is_too_much_for_a_lowered_setting_goes_with_the_next_login(
    make_app: Callable[..., Flask],
) -> None:
    before, after = make_app(), make_app(sessions_per_account="2")
    populate(before)
    for _ in range(7):
        token_principal(before, *HAWK)
    assert rows(before, COUNT) == [(7,)]
    token, _ = token_principal(after, *HAWK)
    assert rows(before, COUNT) == [(2,)]
    assert not is_refused(after, token)


def test_a_session_has_the_authentication_time_of_its_login(app: Flask, clock: ManualClock) -> None:
    _, caller = token_principal(app, *HAWK)
    first = caller.authenticated_at
    for _ in range(5):
        clock.advance(minutes=5)
        caller = by_token(app, services(app).tokens.issue(caller).token)
        assert caller.authenticated_at == first
