"""The feed of changed accounts: how every process hears that what it remembers of one is no longer true.

A change is noted in the transaction that makes it. SQLite keeps notes in a table (see `store.sqlite.feed`); PostgreSQL
sends them with NOTIFY to one listening thread per process. A feed that is not surely up to date says so, and its
reader then asks the database each time.
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
# Made once: making one takes longer than asking it.
_NOTE: Final = insert(CHANGES).returning(CHANGES.c.id)
_DROP: Final = delete(CHANGES).where(CHANGES.c.id <= bindparam("upto"))
_NOTIFY: Final = query(func.pg_notify(_CHANNEL, bindparam("account_id")))
_BEAT_SECONDS: Final = 0.2
_TRUSTED_SECONDS: Final = 0.8
_RETRY_SECONDS: Final = 1.0


class Feed(Protocol):
    """Tells what changed by calling `forget` with an account's id, or with None for "anything may have"."""

    def is_current(self) -> bool:
        """Tell whether everything committed until a moment ago (at most a second) has been told."""

    def notify(self) -> None:
        """Take note that this process has just committed a change, so that the others hear of it at once."""

    def lag(self) -> float:
        """Return for how many seconds nothing was heard; 0 before anybody asked."""

    def close(self) -> None:
        """Stop listening."""


def note_change(session: Session, account_id: int) -> None:
    """Note in this transaction that what is known of an account is over."""
    if session.get_bind().dialect.name != "sqlite":
        session.execute(_NOTIFY, {"account_id": str(account_id)})
        return
    number = session.execute(_NOTE, {"account_id": account_id}).scalar_one()
    session.execute(_DROP, {"upto": number - _NOTES_KEPT})


def open_feed(engine: Engine, forget: Forget) -> Feed:
    """Return the feed that fits the engine; it begins to listen when it is first asked."""
    if engine.dialect.name == "sqlite":
        return SqliteFeed(engine, forget)
    return PostgresqlFeed(engine, forget)


class PostgresqlFeed:
    """Listens in a thread of its own, and is trusted only as long as the server keeps answering it."""

    def __init__(self, engine: Engine, forget: Forget) -> None:
        self._engine = engine
        self._forget = forget
        self._trusted_until = 0.0
        self._heard = boottime()
        self._stop = threading.Event()
        self._start = threading.Lock()
        self._thread: threading.Thread | None = None

    def is_current(self) -> bool:
        """Say whether the server has answered within the last moment."""
        if self._thread is None:
            self._begin()
        return boottime() < self._trusted_until

    def notify(self) -> None:
        """Do nothing: the server has told everybody with the commit."""

    def lag(self) -> float:
        """Return the time since the server's last answer."""
        return boottime() - self._heard if self._thread else 0.0

    def close(self) -> None:
        """End the thread."""
        closed = self._stop.is_set()
        self._stop.set()
        if self._thread is not None and not closed:
            os.close(self._awake)  # ends a wait between two questions
            self._thread.join()
            os.close(self._asleep)

    def _begin(self) -> None:
        with self._start:
            if self._thread is None:
                self._asleep, self._awake = os.pipe()
                self._thread = threading.Thread(target=self._run, name="identity-feed", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._listen()
            except Exception as error:  # noqa: BLE001 - whatever broke it, rows are read until it works again
                _log.warning("the change feed was lost: %s", type(error).__name__)
                self._stop.wait(_RETRY_SECONDS)

    def _listen(self) -> None:
        raw = self._engine.raw_connection()
        raw.detach()
        connection: Any = raw.dbapi_connection
        try:
            connection.autocommit = True
            connection.add_notify_handler(lambda note: self._forget(int(note.payload)))
            connection.execute(f"LISTEN {_CHANNEL}")
            self._forget(None)  # whatever was said while nobody listened
            note = (
                select.poll()
            )  # select.select() cannot wait for a socket whose number is above 1023
            note.register(connection.fileno(), select.POLLIN)
            note.register(self._asleep, 0)  # its other end is closed when it is time to stop
            while not self._stop.is_set():
                asked = boottime()
                # The answer comes after every note that was committed before the question.
                connection.execute("SELECT 1")
                self._heard = asked
                self._trusted_until = asked + _TRUSTED_SECONDS
                note.poll(_BEAT_SECONDS * 1000)
        finally:
            self._trusted_until = 0.0
            connection.close()
