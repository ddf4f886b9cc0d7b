"""Expired rows are deleted a few at a time, others are kept, and several nodes may prune at
once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import text

from identity.domain.errors import Unauthenticated
from identity.domain.principal import operator
from identity.domain.token_kinds import TokenKind
from identity.services.accounts.registration import NewAccount
from identity.services.maintenance import pruning
from support.accounts import HAWK, populate
from support.app import audit_events, by_token, principal, services, token_principal
from support.clock import ManualClock
from support.concurrency import at_once
from support.database import engine_of, execute, rows


def prune(app: Flask) -> dict[str, int]:
    deleted: Counter[str] = Counter()
    for step in services(app).pruning.steps():
        deleted[step.name] += step.rows
    return {name: rows for name, rows in deleted.items() if rows}


def besides_counters(app: Flask) -> dict[str, int]:
    deleted = prune(app)
    deleted.pop("counters", None)
    return deleted


def opened(app: Flask, kind: TokenKind = TokenKind.OPAQUE) -> str:
    return services(app).logins.open(principal(app, *HAWK), kind).token


def test_nothing_is_deleted_that_counts(app: Flask) -> None:
    services(app).accounts.create(
        operator(), NewAccount("falcon", "newpwd", "f@example.org"), admin=False
    )
    with pytest.raises(Unauthenticated):
        principal(app, "hawk", "wrong")
    token, before = opened(app), audit_events(app, operator())
    with pytest.raises(Unauthenticated):
        principal(app, "hawk", "wrong")
    counters = rows(app, "SELECT * FROM counter")
    assert prune(app) == {}
    assert by_token(app, token).account.username == "hawk"
    assert audit_events(app, operator())[: len(before)] == before
    assert len(rows(app, "SELECT * FROM outbox_mail")) == 1
    assert rows(app, "SELECT * FROM counter") == counters
    assert counters


@pytest.mark.parametrize(
    "end",
    [
        lambda _, clock: clock.advance(minutes=5),
        lambda app, _: services(app).administration.revoke_sessions(operator(), 2),
        lambda app, _: services(app).administration.disable(operator(), 2),
        lambda app, _: execute(app, "UPDATE session SET revoked_at = created_at"),
        lambda app, _: execute(app, "UPDATE session SET absolute_end = created_at"),
    ],
    ids=["idle", "log out everywhere", "disable", "log out", "time"],
)
def test_an_expired_session_is_deleted(
    app: Flask, clock: ManualClock, end: Callable[[Flask, ManualClock], object]
) -> None:
    opened(app, TokenKind.UUID)
    end(app, clock)
    token_principal(app, "admin", "changeme")
    assert prune(app) == {"sessions": 1}
    assert rows(app, "SELECT account_id FROM session") == [(1,)]


def test_old_events_are_deleted_and_newer_ones_stay(app: Flask, clock: ManualClock) -> None:
    old = len(audit_events(app, operator()))
    clock.advance(days=364)
    principal(app, *HAWK)
    assert besides_counters(app) == {}
    clock.advance(days=1)
    assert besides_counters(app) == {"audit events": old}
    assert [event.kind for event in audit_events(app, operator())] == ["authentication"]


def test_events_are_kept_for_ever_where_that_is_wanted(
    make_app: Callable[..., Flask], clock: ManualClock
) -> None:
    app = make_app(audit_days="0")
    populate(app)
    clock.advance(days=10_000)
    assert "audit events" not in prune(app)


def test_mails_go_a_while_after_they_were_sent_or_given_up(app: Flask, clock: ManualClock) -> None:
    for name in ("one", "two", "three"):
        wanted = NewAccount(name, "newpwd", f"{name}@example.org")
        services(app).accounts.create(operator(), wanted, admin=False)
    execute(app, "UPDATE outbox_mail SET sent_at = created_at WHERE recipient = 'one@example.org'")
    execute(
        app, "UPDATE outbox_mail SET parked_at = created_at WHERE recipient = 'two@example.org'"
    )
    clock.time += pruning.SENT_KEPT - timedelta(seconds=1)
    assert besides_counters(app) == {}
    clock.advance(seconds=1)
    assert besides_counters(app) == {"mails": 1}
    clock.time += pruning.PARKED_KEPT - pruning.SENT_KEPT
    assert besides_counters(app) == {"mails": 1}
    assert rows(app, "SELECT recipient FROM outbox_mail") == [("three@example.org",)]


def test_counters_go_when_their_window_has_expired_and_the_mark_of_the_first_account_stays(
    app: Flask, clock: ManualClock
) -> None:
    marked = len(rows(app, "SELECT * FROM counter WHERE key = 'first-account'"))
    for name in ("hawk", "nobody"):
        with pytest.raises(Unauthenticated):
            principal(app, name, "wrong")
    clock.advance(minutes=15)
    assert prune(app) == {"counters": 3}  # one for each name, one for the IP that they came from
    assert len(rows(app, "SELECT * FROM counter")) == marked


COPY_ENDED = (
    "INSERT INTO session"
    " (id, account_id, kind, version, authenticated_at, created_at, last_used_at, "
    "absolute_end, origin)"
    " SELECT :id, account_id, kind, version, authenticated_at, created_at, last_used_at, "
    "created_at, origin"
    " FROM session WHERE digest IS NOT NULL"
)


def many_ended(app: Flask, number: int) -> None:
    opened(app)
    with engine_of(app).begin() as connection:
        for index in range(number):
            connection.execute(text(COPY_ENDED), {"id": f"{index:032x}"})


def test_a_step_deletes_no_more_than_its_window(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "_WINDOW", 10)
    many_ended(app, 35)
    steps = [step.rows for step in services(app).pruning.steps() if step.name == "sessions"]
    assert (sum(steps), max(steps)) == (35, 10)
    assert len(rows(app, "SELECT id FROM session")) == 1


def test_two_nodes_at_once_delete_everything_once(
    make_app: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "_WINDOW", 5)
    nodes = [make_app() for _ in range(3)]
    populate(nodes[0])
    many_ended(nodes[0], 40)
    deleted = at_once(*(lambda node=node: prune(node).get("sessions", 0) for node in nodes))
    assert sum(deleted) == 40
    assert len(rows(nodes[0], "SELECT id FROM session")) == 1


def test_a_row_that_another_holds_is_left_and_not_waited_for(
    app: Flask, clock: ManualClock, engine_name: str
) -> None:
    if engine_name == "sqlite":  # its one writer's lock is waited for by every writer alike
        return
    opened(app, TokenKind.UUID)
    clock.advance(minutes=5)
    with engine_of(app).begin() as connection:
        connection.exec_driver_sql("SELECT id FROM session FOR UPDATE")
        assert prune(app) == {}
    assert prune(app) == {"sessions": 1}
