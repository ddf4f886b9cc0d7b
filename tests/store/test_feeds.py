"""The feeds of the journal: they read every committed entry, say when they cannot, and come back
however they were broken."""

from __future__ import annotations

import fcntl
import os
import resource
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, make_url, text
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from identity.store.engines import for_writing
from identity.store.feeds import Feed, open_feed
from identity.store.journal import Change, Reader, record
from identity.store.postgresql import feed as postgresql_feed
from identity.store.postgresql.feed import PostgresqlFeed
from identity.store.sqlite.feed import SqliteFeed
from support.database import end_connections
from support.waiting import wait_until

ALL = "all"
Told = list[Any]


def reader(told: Told) -> Reader:
    """Collect accounts; `ALL` stands for a reading of everything that matters."""

    def replace(changes: Sequence[Change]) -> None:
        told.append(ALL)
        add(changes)

    def add(changes: Sequence[Change]) -> None:
        told.extend(change.account for change in changes)

    return Reader(add, replace, lambda: 1000)


@pytest.fixture
def told() -> Told:
    """What the feed has read."""
    return []


@pytest.fixture
def feed(migrated: Engine, told: Told) -> Iterator[Feed]:
    """A feed that has read everything once."""
    feed = open_feed(migrated, reader(told))
    wait_until(feed.is_current)
    change(migrated, 1)
    wait_until(lambda: feed.is_current() and told == [ALL, 1])
    told.clear()
    yield feed
    feed.close()


def change(engine: Engine, *accounts: int, fail: bool = False, at: int = 1000) -> None:
    for account_id in accounts:
        with Session(for_writing(engine)) as session, session.begin():
            record(session.connection(), [Change(at, account_id)])
            if fail:
                raise LookupError


def hears(feed: Feed, told: Told, *expected: Any) -> None:
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
    other = open_feed(migrated, reader(others))
    wait_until(lambda: other.is_current() and others == [ALL, 1])
    change(migrated, 2)
    hears(feed, told, 2)
    hears(other, others, ALL, 1, 2)
    other.close()


def test_only_what_matters_is_read_at_the_start(migrated: Engine, told: Told) -> None:
    change(migrated, 1, 2, at=999)
    change(migrated, 3, at=1000)
    change(migrated, 4, at=1001)
    feed = open_feed(migrated, reader(told))
    hears(feed, told, ALL, 3, 4)
    feed.close()


@pytest.mark.parametrize("engine_name", ["sqlite"])
@pytest.mark.parametrize("later", [(), (5,), (5, 6, 7)], ids=len)
def test_everything_is_read_when_the_database_is_set_back_to_an_older_copy(
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
    hears(feed, told, ALL, 1, *later)
    change(migrated, 8)
    hears(feed, told, 8)


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
    engine, told = SlowToFail(), list[Any]()
    feed = SqliteFeed(engine, reader(told))
    with ThreadPoolExecutor(16) as threads:
        waiting = [threads.submit(feed.is_current) for _ in range(16)]
        assert engine.asked.wait(60)
        time.sleep(0.05)
        engine.over.set()
        assert [each.result() for each in waiting] == [False] * 16
    assert engine.attempts < 8
    assert told == []


@pytest.mark.parametrize("engine_name", ["sqlite"])
def test_the_journal_is_read_only_after_something_was_committed(
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
    assert any("FROM journal" in each for each in asked)


@pytest.mark.parametrize("engine_name", ["sqlite"])
def test_feed_reads_a_marked_change_at_once_and_an_unmarked_one_within_a_second(
    migrated: Engine, feed: Feed, told: Told
) -> None:
    other = open_feed(migrated, reader([]))
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
    hears(feed, told, ALL, 1)
    change(migrated, 2)
    hears(feed, told, 2)


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
def test_a_feed_whose_connection_is_lost_is_not_current_until_it_has_read_everything(
    migrated: Engine, feed: Feed, told: Told, database_url: str
) -> None:
    end_connections(database_url)
    wait_until(lambda: not feed.is_current())
    change(migrated, 2)
    hears(feed, told, ALL, 1, 2)
    change(migrated, 3)
    hears(feed, told, 3)


@pytest.mark.parametrize("engine_name", ["postgresql"])
@pytest.mark.parametrize("junk", ["", "hawk"])
def test_a_foreign_notification_on_the_channel_hides_no_change(
    migrated: Engine, feed: Feed, told: Told, junk: str
) -> None:
    with migrated.begin() as connection:
        connection.execute(text("SELECT pg_notify('identity_journal', :junk)"), {"junk": junk})
    change(migrated, 2)
    hears(feed, told, 2)


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

    def execute(self, _statement: str, _parameters: Any = None) -> SilentServer:
        self.asked += 1
        if self.silent.is_set():
            assert self.over.wait(60)
            raise ConnectionError
        return self

    def fetchall(self) -> list[Any]:
        return [("1:1:", "a start", False, False, None, None, None, None)]

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
    server, told = SilentServer(), list[Any]()
    feed = PostgresqlFeed(server, reader(told))
    wait_until(feed.is_current)
    assert told == [ALL]
    server.silent.set()
    wait_until(lambda: not feed.is_current(), seconds=1)
    server.end(feed)
    assert not feed.is_current()


def test_feed_is_not_current_after_the_machine_slept(monkeypatch: pytest.MonkeyPatch) -> None:
    server, read = SilentServer(), time.clock_gettime
    feed = PostgresqlFeed(server, reader([]))
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
    feed = PostgresqlFeed(server, reader([]))
    wait_until(feed.is_current)
    wait_until(lambda: server.asked > 3)
    assert server.opened == 1
    server.end(feed)
    os.close(low)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("engine_name", ["postgresql"])
def test_an_entry_that_is_committed_after_later_ones_is_read(
    migrated: Engine, feed: Feed, told: Told
) -> None:
    with Session(migrated) as slow, slow.begin():
        record(slow.connection(), [Change(1000, 2)])
        change(migrated, 3)
        hears(feed, told, 3)
        time.sleep(0.5)  # it polls meanwhile
        change(migrated, 4)
        hears(feed, told, 4)
    hears(feed, told, 2)
    time.sleep(0.5)
    assert told == []


@pytest.mark.parametrize("engine_name", ["postgresql"])
def test_an_entry_is_read_though_no_hint_arrives(migrated: Engine, told: Told) -> None:
    writer = open_feed(migrated, reader([]))  # it was never asked, so it has no thread
    feed = open_feed(migrated, reader(told))
    hears(feed, told, ALL)
    change(migrated, 2)
    writer.notify()
    begun = time.monotonic()
    hears(feed, told, 2)
    assert time.monotonic() - begun < 1
    feed.close()


@pytest.mark.parametrize("engine_name", ["postgresql"])
def test_a_hint_makes_the_next_poll_come_sooner(
    migrated: Engine, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql_feed, "_POLL_SECONDS", 30)
    monkeypatch.setattr(postgresql_feed, "_TRUSTED_SECONDS", 60)
    writer, feed = open_feed(migrated, reader([])), open_feed(migrated, reader(told))
    wait_until(lambda: writer.is_current() and feed.is_current())
    told.clear()
    change(migrated, 2)
    writer.notify()
    wait_until(lambda: told == [2])
    feed.close()
    writer.close()


@pytest.mark.parametrize("engine_name", ["postgresql"])
def test_a_feed_is_not_current_while_the_database_takes_no_writes(
    migrated: Engine, feed: Feed, told: Told, database_url: str
) -> None:
    name = make_url(database_url).database
    with migrated.begin() as connection:
        connection.execute(text(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on'))
    end_connections(database_url)
    wait_until(lambda: not feed.is_current())
    time.sleep(1.5)
    assert not feed.is_current()
    with migrated.connect() as connection:
        connection.execute(text("SET default_transaction_read_only = off"))
        connection.commit()
        connection.execute(text(f'ALTER DATABASE "{name}" RESET default_transaction_read_only'))
        connection.commit()
    end_connections(database_url)
    hears(feed, told, ALL, 1)


@pytest.mark.parametrize("engine_name", ["postgresql"])
def test_everything_is_read_when_the_newest_entry_has_disappeared(
    migrated: Engine, feed: Feed, told: Told
) -> None:
    change(migrated, 2)
    hears(feed, told, 2)
    with migrated.begin() as connection:
        connection.execute(text("DELETE FROM journal WHERE account_id = 2"))
    hears(feed, told, ALL, 1)


class WithoutNotify(SilentServer):
    """An engine that speaks PostgreSQL's protocol, but knows neither LISTEN nor NOTIFY."""

    def execute(self, statement: str, parameters: Any = None) -> SilentServer:
        if statement.startswith(("LISTEN", "NOTIFY")):
            raise LookupError(statement)
        return super().execute(statement, parameters)


def test_a_server_without_hints_is_polled() -> None:
    server = WithoutNotify()
    feed = PostgresqlFeed(server, reader([]))
    wait_until(feed.is_current)
    feed.notify()
    asked = server.asked
    wait_until(lambda: server.asked > asked + 1)
    assert feed.is_current()
    server.end(feed)
