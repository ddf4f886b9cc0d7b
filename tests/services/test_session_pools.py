"""Which session is evicted: none of another pool, and in its own pool the least needed one."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from identity.domain.errors import Unauthenticated, Unavailable
from identity.domain.token_kinds import TokenKind
from identity.services.sessions import usage as use_notes
from support.accounts import HAWK, populate
from support.app import ORIGIN, by_token, principal, services
from support.clock import ManualClock
from support.database import rows, statements
from support.http import basic, bearer
from support.waiting import wait_until

CAP = 5
AUTOMATIC = [TokenKind.ACCESS, TokenKind.JWT, TokenKind.UUID]
DEVICE = [TokenKind.PERSONAL, TokenKind.OPAQUE]
WRITING = ("INSERT", "UPDATE", "DELETE")


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    """An application in which each pool of an account has five sessions at most."""
    made = make_app(sessions_per_account=str(CAP))
    populate(made)
    return made


def log_in(app: Flask, kind: TokenKind = TokenKind.ACCESS) -> str:
    caller = principal(app, *HAWK)
    if kind is TokenKind.ACCESS:
        return services(app).tokens.issue(caller).token
    return services(app).logins.open(caller, kind).token


def renew(app: Flask, token: str) -> str:
    return services(app).tokens.issue(by_token(app, token)).token


def alive(app: Flask, token: str) -> bool:
    try:
        services(app).authentication.by_token(token, ORIGIN)
    except Unauthenticated:
        return False
    return True


@pytest.mark.parametrize("kind", DEVICE)
@pytest.mark.parametrize("flood", [*AUTOMATIC, *DEVICE])
def test_a_token_for_a_device_is_never_ended_by_logins_of_another_kind(
    app: Flask, clock: ManualClock, kind: TokenKind, flood: TokenKind
) -> None:
    if flood is kind:
        return
    token = log_in(app, kind)
    for _ in range(3 * CAP):
        clock.advance(seconds=1)
        log_in(app, flood)
    assert alive(app, token)


@pytest.mark.parametrize("kind", [TokenKind.ACCESS, *DEVICE, TokenKind.JWT, TokenKind.UUID])
@pytest.mark.parametrize("shown", [False, True])
def test_a_token_in_use_outlives_logins_that_nothing_is_done_with(
    app: Flask, clock: ManualClock, kind: TokenKind, *, shown: bool
) -> None:
    token = log_in(app, kind)
    if shown:
        by_token(app, token)
    for _ in range(3 * CAP):
        clock.advance(seconds=1)
        log_in(app, kind)
    assert alive(app, token) == shown


def test_without_a_moving_clock_use_counts_all_the_same(app: Flask) -> None:
    used = log_in(app)
    by_token(app, used)
    for _ in range(3 * CAP):
        log_in(app)
    assert alive(app, used)


def test_a_session_that_renews_outlives_those_that_are_used_once(
    app: Flask, clock: ManualClock
) -> None:
    loop = log_in(app)
    renew(app, loop)
    for _ in range(3 * CAP):
        clock.advance(seconds=1)
        by_token(app, log_in(app))
    assert alive(app, loop)


def test_a_renewing_loop_goes_on_through_a_hundred_logins_between_two_renewals(
    app: Flask, clock: ManualClock
) -> None:
    token = log_in(app)
    for _ in range(4):
        clock.advance(seconds=500)
        token = renew(app, token)
        for _ in range(2 * CAP):
            by_token(app, log_in(app))
    assert alive(app, token)


def test_a_session_that_no_token_can_use_any_more_goes_first(
    app: Flask, clock: ManualClock
) -> None:
    spent = log_in(app)
    by_token(app, spent)
    renew(app, spent)
    clock.advance(seconds=600 + 61)
    fresh = [log_in(app) for _ in range(CAP - 1)]
    log_in(app)
    assert all(alive(app, token) for token in fresh)
    assert rows(app, "SELECT count(*) FROM session WHERE renewed_at IS NOT NULL") == [(0,)]


def test_among_those_in_use_the_longest_unused_goes_first(app: Flask, clock: ManualClock) -> None:
    tokens = []
    for _ in range(CAP + 1):
        clock.advance(seconds=1)
        tokens.append(log_in(app, TokenKind.PERSONAL))
        by_token(app, tokens[-1])
    assert [alive(app, token) for token in tokens] == [False] + [True] * CAP


def test_what_is_idle_goes_before_what_is_in_use(app: Flask, clock: ManualClock) -> None:
    idle = log_in(app, TokenKind.UUID)
    renew(app, idle)
    clock.advance(hours=3)
    used = [log_in(app) for _ in range(CAP - 1)]
    for token in used:
        by_token(app, token)
    log_in(app)
    assert [alive(app, token) for token in (idle, *used)] == [False] + [True] * (CAP - 1)


def test_sessions_from_before_use_was_noted_count_as_used_where_they_were(
    app: Flask, clock: ManualClock
) -> None:
    token = log_in(app)
    clock.advance(seconds=90)
    renew(app, token)
    with services(app).schema._engine.begin() as connection:
        connection.exec_driver_sql("UPDATE session SET shown_at = NULL, renewed_at = NULL")
    for _ in range(3 * CAP):
        log_in(app)
    assert alive(app, token)


@pytest.mark.parametrize("kind", [kind for kind in TokenKind if kind is not TokenKind.UUID])
def test_a_check_is_noted_once_and_then_costs_no_statement(
    app: Flask, client: FlaskClient, clock: ManualClock, kind: TokenKind
) -> None:
    token = log_in(app, kind)
    assert client.get("/api/verify", headers=bearer(token)).status_code == 204
    client.get("/api/verify", headers=bearer(token))
    clock.advance(seconds=500)
    with statements(app) as seen:
        for headers in (bearer(token), basic(token), basic("hawk", token)) * 20:
            assert client.get("/api/verify", headers=headers).status_code == 204
    assert [each for each in seen if each.startswith(WRITING)] == []


def test_a_read_only_database_is_asked_once_a_minute_and_the_token_is_valid(
    app: Flask, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, asked = log_in(app), []

    def stuck(*_: object) -> None:
        asked.append(clock.now())
        raise Unavailable(timedelta(seconds=2))

    with monkeypatch.context() as patch:
        patch.setattr(
            services(app).authentication._tokens._uses._transactions, "write_unattended", stuck
        )
        for _ in range(10):
            assert alive(app, token)
        clock.advance(seconds=61)
        assert alive(app, token)
    assert len(asked) == 2
    clock.advance(seconds=61)
    assert alive(app, token)
    assert rows(app, "SELECT count(*) FROM session WHERE shown_at IS NOT NULL") == [(1,)]


def test_a_use_is_written_beside_the_requests(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(use_notes, "IN_BACKGROUND", True)
    token = log_in(app)
    with statements(app) as seen:
        assert alive(app, token)
    noted = "SELECT count(*) FROM session WHERE shown_at IS NOT NULL"
    wait_until(lambda: rows(app, noted) == [(1,)])
    assert alive(app, token)
    assert [each for each in seen if each.startswith(WRITING)] == []


def test_a_use_that_comes_while_others_are_written_ends_no_thread(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(use_notes, "IN_BACKGROUND", True)
    uses = services(app).authentication._tokens._uses
    for _ in range(2):
        token = log_in(app)
        assert alive(app, token)
        uses._write()  # as the thread does between two notes
    noted = "SELECT count(*) FROM session WHERE shown_at IS NOT NULL"
    assert rows(app, noted) == [(2,)]
    wait_until(lambda: not uses._wake.is_set())
    time.sleep(2 * use_notes._PAUSE_SECONDS)
    assert uses._thread is not None
    assert uses._thread.is_alive()
