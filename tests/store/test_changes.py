"""The change feed: it reports every committed change, says when it is not current, and recovers
from any fault."""

from __future__ import annotations

import fcntl
import os
import resource
import sqlite3
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, make_url, text
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from identity.store import changes
from identity.store.changes import Feed, PostgresqlFeed, note_change, open_feed
from identity.store.engines import for_writing
from identity.store.sqlite.feed import SqliteFeed
from support.database import end_connections
from support.waiting import wait_until

Told = list[int | None]


@pytest.fixture
def told() -> Told:
    """What the feed has said to forget."""
    return []


@pytest.fixture
def feed(migrated: Engine, told: Told) -> Iterator[Feed]:
    """A feed that is past its first word, which is always "anything may have changed"."""
    feed = open_feed(migrated, told.append)
    wait_until(feed.is_current)
    change(migrated, 1)
    first: Told = [None] if isinstance(feed, SqliteFeed) else [None, 1]
    wait_until(lambda: feed.is_current() and told == first)
    told.clear()
    yield feed
    feed.close()


def change(engine: Engine, *accounts: int, fail: bool = False) -> None:
    for account_id in accounts:
        with Session(for_writing(engine)) as session, session.begin():
            note_change(session, account_id)
            if fail:
                raise LookupError


def hears(feed: Feed, told: Told, *expected: int | None) -> None:
    wait_until(lambda: feed.is_current() and len(told) >= len(expected))
    assert told == list(expected)
    told.clear()


def test_every_change_is_notified(migrated: Engine, feed: Feed, told: Told) -> None:
    for account_id in (1, 2, 2, 2**62):
        change(migrated, account_id)
        hears(feed, told, account_id)
    change(migrated, 3, 4, 5)
    hears(feed, told, 3, 4, 5)


def test_change_that_was_rolled_back_is_not_notified(
    migrated: Engine, feed: Feed, told: Told
) -> None:
    for _ in range(3):
        with pytest.raises(LookupError):
            change(migrated, 7, fail=True)
    change(migrated, 8)
    hears(feed, told, 8)


def test_two_feeds_hear_the_same(migrated: Engine, feed: Feed, told: Told) -> None:
    others: Told = []
    other = open_feed(migrated, others.append)
    wait_until(lambda: other.is_current() and others == [None])
    change(migrated, 2)
    hears(feed, told, 2)
    hears(other, others, None, 2)
    other.close()


@pytest.mark.parametrize("engine_name", ["sqlite"])
def test_notes_are_kept_up_to_a_number(migrated: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "_NOTES_KEPT", 5)
    change(migrated, *range(20))
    with migrated.connect() as connection:
        noted = (
            connection.execute(text("SELECT account_id FROM account_change ORDER BY id"))
            .scalars()
            .all()
        )
    assert noted == [15, 16, 17, 18, 19]


@pytest.mark.parametrize("engine_name", ["sqlite"])
def test_everything_is_forgotten_when_notes_were_missed(
    migrated: Engine, feed: Feed, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "_NOTES_KEPT", 5)
    change(migrated, *range(6))
    hears(feed, told, None)
    change(migrated, 7)
    hears(feed, told, 7)


@pytest.mark.parametrize("engine_name", ["sqlite"])
@pytest.mark.parametrize("later", [(), (5,), (5, 6, 7)], ids=len)
def test_everything_is_forgotten_when_the_database_is_set_back_to_an_older_copy(
    migrated: Engine, feed: Feed, told: Told, tmp_path: Path, later: tuple[int, ...]
) -> None:
    backup, path = sqlite3.connect(tmp_path / "backup.sqlite3"), str(migrated.url.database)
    with closing(backup), closing(sqlite3.connect(path)) as running:
        running.backup(backup)
        change(migrated, 2, 3)
        wait_until(lambda: feed.is_current() and told == [2, 3])
        told.clear()
        backup.backup(running)
    change(migrated, *later)
    hears(feed, told, None)
    change(migrated, 8)
    wait_until(lambda: feed.is_current() and told in ([None], [8]))
    told.clear()
    change(migrated, 9)
    hears(feed, told, 9)


class SlowToFail:
    """An engine that takes its time to have no connection."""

    url = make_url("sqlite://")

    def __init__(self) -> None:
        self.attempts, self.asked, self.over = 0, threading.Event(), threading.Event()

    def raw_connection(self) -> None:
        self.attempts += 1
        self.asked.set()
        assert self.over.wait(60)
        raise PoolTimeout


def test_feed_that_cannot_be_opened_is_tried_by_one_caller_for_all_who_wait() -> None:
    engine, told = SlowToFail(), list[int | None]()
    feed = SqliteFeed(engine, told.append)
    with ThreadPoolExecutor(16) as threads:
        waiting = [threads.submit(feed.is_current) for _ in range(16)]
        assert engine.asked.wait(60)
        time.sleep(0.05)
        engine.over.set()
        assert [each.result() for each in waiting] == [False] * 16
    assert engine.attempts < 8
    assert set(told) == {None}


@pytest.mark.parametrize("engine_name", ["sqlite"])
def test_notes_are_read_only_after_something_was_committed(
    migrated: Engine, feed: Feed, told: Told
) -> None:
    assert isinstance(feed, SqliteFeed)
    feed.is_current()
    asked: list[str] = []
    feed._connection.set_trace_callback(asked.append)
    assert all(feed.is_current() for _ in range(5))
    assert set(asked) <= {"PRAGMA data_version"}
    asked.clear()
    feed.notify()
    assert feed.is_current()
    assert asked == ["PRAGMA data_version"]
    with migrated.begin() as connection:
        connection.execute(text("DELETE FROM counter"))
        connection.execute(
            text("INSERT INTO counter VALUES ('x', 1, '2026-01-01 00:00:00.000000')")
        )
    feed.notify()
    assert feed.is_current()
    assert told == []
    assert any("account_change" in each for each in asked)


@pytest.mark.parametrize("engine_name", ["sqlite"])
def test_feed_reads_a_marked_change_at_once_and_an_unmarked_one_within_a_second(
    migrated: Engine, feed: Feed, told: Told
) -> None:
    other = open_feed(migrated, [].append)
    feed.is_current()
    told.clear()
    change(migrated, 2)
    other.notify()
    assert feed.is_current()
    assert told == [2]
    change(migrated, 3)  # as by a process that was killed before it could mark
    wait_until(lambda: feed.is_current() and told == [2, 3])
    other.close()


@pytest.mark.parametrize("engine_name", ["sqlite"])
def test_feed_whose_connection_broke_says_so_and_opens_another(
    migrated: Engine, feed: Feed, told: Told
) -> None:
    assert isinstance(feed, SqliteFeed)
    feed._connection.close()
    wait_until(lambda: not feed.is_current(), seconds=1)
    assert told == [None]
    wait_until(feed.is_current)
    change(migrated, 2)
    wait_until(lambda: feed.is_current() and told[-1] in (2, None))


@pytest.mark.parametrize("engine_name", ["sqlite"])
def test_closed_feed_opens_again_when_it_is_asked(migrated: Engine, feed: Feed, told: Told) -> None:
    feed.close()
    change(migrated, 2)
    hears(feed, told, 2)


@pytest.mark.parametrize("engine_name", ["postgresql"])
def test_closed_feed_is_not_current_and_its_thread_is_over(feed: Feed) -> None:
    assert isinstance(feed, PostgresqlFeed)
    feed.close()
    assert not feed.is_current()
    assert feed._thread is not None
    assert not feed._thread.is_alive()


@pytest.mark.parametrize("engine_name", ["postgresql"])
def test_lost_listener_is_not_current_until_it_has_forgotten_everything(
    migrated: Engine, feed: Feed, told: Told, database_url: str
) -> None:
    end_connections(database_url)
    wait_until(lambda: not feed.is_current())
    change(migrated, 2)
    hears(feed, told, None)
    change(migrated, 3)
    hears(feed, told, 3)


@pytest.mark.parametrize("engine_name", ["postgresql"])
@pytest.mark.parametrize("junk", ["", "hawk"])
def test_a_foreign_notification_on_the_channel_hides_no_change(
    migrated: Engine, feed: Feed, told: Told, junk: str
) -> None:
    with migrated.begin() as connection:
        connection.execute(text("SELECT pg_notify('identity_changes', :junk)"), {"junk": junk})
    change(migrated, 2)
    wait_until(lambda: feed.is_current() and told and told[-1] in (2, None))


class SilentServer:
    """An engine, a connection and its server, which after some answers says nothing more."""

    def __init__(self) -> None:
        self.asked = self.opened = 0
        self.silent, self.over = threading.Event(), threading.Event()
        self.wire, self.other_end = os.pipe()
        self.dbapi_connection = self

    def raw_connection(self) -> SilentServer:
        self.opened += 1
        return self

    def detach(self) -> None: ...

    def add_notify_handler(self, _handler: Any) -> None: ...

    def execute(self, _statement: str) -> None:
        self.asked += 1
        if self.silent.is_set():
            assert self.over.wait(60)
            raise ConnectionError

    def fileno(self) -> int:
        return self.wire

    def close(self) -> None: ...

    def end(self, feed: PostgresqlFeed) -> None:
        feed._stop.set()
        self.over.set()
        feed.close()
        os.close(self.wire)
        os.close(self.other_end)


def test_feed_is_not_current_for_long_when_its_server_falls_silent() -> None:
    server, told = SilentServer(), list[int | None]()
    feed = PostgresqlFeed(server, told.append)
    wait_until(feed.is_current)
    assert told == [None]
    server.silent.set()
    wait_until(lambda: not feed.is_current(), seconds=1)
    server.end(feed)
    assert not feed.is_current()


def test_feed_is_not_current_after_the_machine_slept(monkeypatch: pytest.MonkeyPatch) -> None:
    server, read = SilentServer(), time.clock_gettime
    feed = PostgresqlFeed(server, lambda _: None)
    wait_until(feed.is_current)
    server.silent.set()
    wait_until(feed.is_current)  # as it is until the silent server is asked
    slept = {time.CLOCK_BOOTTIME: 60}
    monkeypatch.setattr(time, "clock_gettime", lambda which: read(which) + slept.get(which, 0))
    assert not feed.is_current()
    server.end(feed)


def test_feed_stays_current_when_its_socket_has_a_high_number() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2048), hard))
    server = SilentServer()
    low, server.wire = server.wire, fcntl.fcntl(server.wire, fcntl.F_DUPFD, 1500)
    feed = PostgresqlFeed(server, lambda _: None)
    wait_until(feed.is_current)
    wait_until(lambda: server.asked > 3)
    assert server.opened == 1
    server.end(feed)
    os.close(low)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
