"""Opens the feed that reads the journal of a database."""

from __future__ import annotations

from typing import Protocol

from sqlalchemy import Engine

from identity.store.journal import Reader
from identity.store.postgresql.feed import PostgresqlFeed
from identity.store.sqlite.feed import SqliteFeed


class Feed(Protocol):
    """Reads the journal for one process."""

    def is_current(self) -> bool:
        """Tell whether everything that was committed up to a second ago has been read."""

    def notify(self) -> None:
        """Hint to the other processes that this process has just committed an entry."""

    def lag(self) -> float:
        """Return for how many seconds the journal has not been read; 0 before its first use."""

    def close(self) -> None:
        """Stop reading."""


def open_feed(engine: Engine, reader: Reader) -> Feed:
    """Return the feed for an engine; it starts to read when it is first used."""
    if engine.dialect.name == "sqlite":
        return SqliteFeed(engine, reader)
    return PostgresqlFeed(engine, reader)
