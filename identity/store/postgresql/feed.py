"""Reads the journal on PostgreSQL, in a thread with a connection of its own.

Each poll reads the entries of transactions that the snapshot of the poll before did not include:
later ones, and those that were running then. So no entry is missed, in whatever order transactions
commit. NOTIFY is only a hint that makes the next poll come sooner: poolers and replication lose it.
"""

from __future__ import annotations

import logging
import select
import socket
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Self

from sqlalchemy import Engine

from identity.store.boottime import boottime
from identity.store.journal import Change, Reader

_log = logging.getLogger(__name__)
_CHANNEL: Final = "identity_journal"
_POLL_SECONDS: Final = 0.2
_HINTED_SECONDS: Final = 0.02  # between two polls, however many hints arrive
_TRUSTED_SECONDS: Final = 0.8
_RETRY_SECONDS: Final = 1.0
_STATE: Final = (
    "SELECT pg_current_snapshot()::text, pg_postmaster_start_time()::text, "
    "current_setting('transaction_read_only') = 'on', "
    "EXISTS (SELECT FROM journal WHERE id = %(last)s), "
    "j.id, j.at, j.account_id, j.session_id FROM (SELECT 1) AS one LEFT JOIN journal AS j ON "
)
_ALL: Final = _STATE + "j.at >= %(since)s"
_NEWER: Final = (
    _STATE + "(j.transaction_id >= %(next)s OR j.transaction_id = ANY(%(running)s::bigint[])) "
    "AND j.at >= %(since)s"  # a dump of another server has ids that this one has yet to reach
)


class ReadOnlyError(Exception):
    """The server is a standby or takes no writes, so that its journal may be behind."""


@dataclass(frozen=True, slots=True)
class _Position:
    """Up to where the journal of which server was read."""

    server: str
    next: int
    running: list[int]
    last: int

    @classmethod
    def of(cls, server: str, snapshot: str, last: int) -> Self:
        """Return the position after a poll with this snapshot (`xmin:xmax:running,…`)."""
        _, following, running = snapshot.split(":")
        return cls(server, int(following), [int(each) for each in running.split(",") if each], last)


class PostgresqlFeed:
    """Polls in a thread, and counts as current only while the server keeps responding."""

    def __init__(self, engine: Engine, reader: Reader) -> None:
        self._engine = engine
        self._reader = reader
        self._position: _Position | None = None
        self._trusted_until = 0.0
        self._last_response = boottime()
        self._stop = threading.Event()
        self._start = threading.Lock()
        self._thread: threading.Thread | None = None

    def is_current(self) -> bool:
        """Tell whether the journal was read recently."""
        if self._thread is None:
            self._begin()
        return boottime() < self._trusted_until

    def notify(self) -> None:
        """Have the thread send a hint; without it, the others read the entry a poll later."""
        if self._thread is not None:
            with suppress(OSError):  # closed, or enough hints are waiting
                self._wake.send(b"!")

    def lag(self) -> float:
        """Return the time since the journal was last read."""
        return boottime() - self._last_response if self._thread else 0.0

    def close(self) -> None:
        """Stop the thread."""
        self._stop.set()
        if self._thread is not None:
            self._wake.close()  # interrupts the thread's poll
            self._thread.join()
            self._woken.close()

    def _begin(self) -> None:
        with self._start:
            if self._thread is None:
                self._wake, self._woken = socket.socketpair()
                self._wake.settimeout(0)
                self._thread = threading.Thread(target=self._run, name="identity-feed", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._follow()
            except Exception as error:  # noqa: BLE001 - after any error the feed is not current
                _log.warning("cannot read the journal: %s", type(error).__name__)
                self._stop.wait(_RETRY_SECONDS)

    def _follow(self) -> None:
        raw = self._engine.raw_connection()
        raw.detach()
        connection: Any = raw.dbapi_connection
        try:
            connection.autocommit = True
            connection.prepare_threshold = None  # poolers may lose prepared statements
            self._position = None
            connection.add_notify_handler(lambda _: None)  # otherwise psycopg keeps them
            if not getattr(connection, "shared", False):  # else another client would be told
                _hint(connection, f"LISTEN {_CHANNEL}")
            poll = select.poll()  # select.select() cannot wait for descriptors above 1023
            poll.register(connection.fileno(), select.POLLIN)
            poll.register(self._woken, select.POLLIN)
            while not self._stop.is_set():
                self._read(connection)
                self._wait(connection, poll)
        finally:
            self._trusted_until = 0.0
            connection.close()

    def _wait(self, connection: Any, poll: select.poll) -> None:  # noqa: ANN401 - psycopg is an extra
        self._stop.wait(_HINTED_SECONDS)
        ready = poll.poll(_POLL_SECONDS * 1000)
        is_woken = any(descriptor == self._woken.fileno() for descriptor, _ in ready)
        if is_woken and self._woken.recv(4096):
            _hint(connection, f"NOTIFY {_CHANNEL}")

    def _read(self, connection: Any) -> None:  # noqa: ANN401 - psycopg is an extra
        begun = boottime()
        position = self._position
        rows = self._rows(connection, position)
        snapshot, server, read_only, known = rows[0][:4]
        if read_only:
            raise ReadOnlyError
        if position and (server != position.server or not (known or position.last < 0)):
            # Another server, or the database is an older copy: its ids may mean something else.
            position = None
            rows = self._rows(connection, position)
            snapshot, server = rows[0][:2]
        self._report(position, rows)
        last = max([position.last if position else -1, *(row[4] for row in rows if row[4])])
        self._position = _Position.of(server, snapshot, last)
        self._last_response = begun
        self._trusted_until = begun + _TRUSTED_SECONDS

    def _rows(self, connection: Any, position: _Position | None) -> list[Any]:  # noqa: ANN401
        since = self._reader.since()
        if position is None:
            return list(connection.execute(_ALL, {"since": since, "last": -1}).fetchall())
        values = {"next": position.next, "running": position.running, "last": position.last}
        return list(connection.execute(_NEWER, values | {"since": since}).fetchall())

    def _report(self, position: _Position | None, rows: Sequence[Any]) -> None:
        entries = [Change(*row[5:]) for row in rows if row[4] is not None]
        if position is None:
            self._reader.replace(entries)
        elif entries:
            self._reader.add(entries)


def _hint(connection: Any, statement: str) -> None:  # noqa: ANN401 - psycopg is an extra
    with suppress(Exception):  # engines without it: others read the entry a poll later
        connection.execute(statement)
