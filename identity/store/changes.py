"""The change feed, which tells every process when its cached data about an account is outdated.

A change is noted in the transaction that makes it. On SQLite notes are rows of a table (see
`store.sqlite.feed`); on PostgreSQL they are sent with NOTIFY to a listening thread in each process.
If a feed may not be up to date, it says so, and its user queries the database instead.
"""

from __future__ import annotations

import logging
import os
import select
import threading
from typing import Any, Final, Protocol

from sqlalchemy import Engine, bindparam, delete, func, insert
from sqlalchemy import select as query
from sqlalchemy.orm import Session

from identity.store.boottime import boottime
from identity.store.models import CHANGES
from identity.store.sqlite.feed import Forget, SqliteFeed

_log = logging.getLogger(__name__)
_CHANNEL: Final = "identity_changes"
_NOTES_KEPT: Final = 1000
# Prepared once; building a statement costs more than running it.
_NOTE: Final = insert(CHANGES).returning(CHANGES.c.id)
_DROP: Final = delete(CHANGES).where(CHANGES.c.id <= bindparam("upto"))
_NOTIFY: Final = query(func.pg_notify(_CHANNEL, bindparam("account_id")))
_POLL_SECONDS: Final = 0.2
_TRUSTED_SECONDS: Final = 0.8
_RETRY_SECONDS: Final = 1.0


class Feed(Protocol):
    """Reports changes by calling `forget` with an account's id, or None if any may have changed."""

    def is_current(self) -> bool:
        """Tell whether all changes that were committed up to a second ago have been reported."""

    def notify(self) -> None:
        """Notify the other processes of a change that this process has just committed."""

    def lag(self) -> float:
        """Return for how many seconds the feed has not been heard; 0 before its first use."""

    def close(self) -> None:
        """Stop listening."""


def note_change(session: Session, account_id: int) -> None:
    """Note in this transaction that cached data about an account is outdated."""
    if session.get_bind().dialect.name != "sqlite":
        session.execute(_NOTIFY, {"account_id": str(account_id)})
        return
    number = session.execute(_NOTE, {"account_id": account_id}).scalar_one()
    session.execute(_DROP, {"upto": number - _NOTES_KEPT})


def open_feed(engine: Engine, forget: Forget) -> Feed:
    """Return the feed for an engine; it starts to listen when it is first used."""
    if engine.dialect.name == "sqlite":
        return SqliteFeed(engine, forget)
    return PostgresqlFeed(engine, forget)


class PostgresqlFeed:
    """Listens in a thread, and counts as current only while the server keeps responding."""

    def __init__(self, engine: Engine, forget: Forget) -> None:
        self._engine = engine
        self._forget = forget
        self._trusted_until = 0.0
        self._last_response = boottime()
        self._stop = threading.Event()
        self._start = threading.Lock()
        self._thread: threading.Thread | None = None

    def is_current(self) -> bool:
        """Tell whether the server has responded recently."""
        if self._thread is None:
            self._begin()
        return boottime() < self._trusted_until

    def notify(self) -> None:
        """Do nothing: the server notifies all processes at the commit."""

    def lag(self) -> float:
        """Return the time since the server's last response."""
        return boottime() - self._last_response if self._thread else 0.0

    def close(self) -> None:
        """Stop the thread."""
        closed = self._stop.is_set()
        self._stop.set()
        if self._thread is not None and not closed:
            os.close(self._wake_writer)  # interrupts the thread's poll
            self._thread.join()
            os.close(self._wake_reader)

    def _begin(self) -> None:
        with self._start:
            if self._thread is None:
                self._wake_reader, self._wake_writer = os.pipe()
                self._thread = threading.Thread(target=self._run, name="identity-feed", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._listen()
            except Exception as error:  # noqa: BLE001 - after any error the feed is not current
                _log.warning("change feed lost: %s", type(error).__name__)
                self._stop.wait(_RETRY_SECONDS)

    def _listen(self) -> None:
        raw = self._engine.raw_connection()
        raw.detach()
        connection: Any = raw.dbapi_connection
        try:
            connection.autocommit = True
            connection.add_notify_handler(lambda note: self._forget(int(note.payload)))
            connection.execute(f"LISTEN {_CHANNEL}")
            self._forget(None)  # changes before LISTEN were missed
            poll = select.poll()  # select.select() cannot wait for descriptors above 1023
            poll.register(connection.fileno(), select.POLLIN)
            poll.register(self._wake_reader, 0)  # reports POLLHUP when `close` closes the other end
            while not self._stop.is_set():
                begun = boottime()
                # The response arrives after all notes that were committed before the query.
                connection.execute("SELECT 1")
                self._last_response = begun
                self._trusted_until = begun + _TRUSTED_SECONDS
                poll.poll(_POLL_SECONDS * 1000)
        finally:
            self._trusted_until = 0.0
            connection.close()
