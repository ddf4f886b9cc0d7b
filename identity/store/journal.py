"""The journal, which tells every process what ended or changed.

Entries are written in the transaction that makes the change. Every process reads them: on SQLite
before each answer if anything was committed (see `store.sqlite.feed`), on PostgreSQL in a thread
several times a second (see `store.postgresql.feed`). A feed that may have missed an entry says that
it is not current, and its user queries the database instead.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from sqlalchemy import BigInteger, Connection, String, cast, func, insert

from identity.store.models import JOURNAL

_TRANSACTION_ID: Final = cast(cast(func.pg_current_xact_id(), String), BigInteger)
# Prepared once; building a statement costs more than running it.
_INSERT: Final = insert(JOURNAL)
_INSERT_ORDERED: Final = insert(JOURNAL).values(transaction_id=_TRANSACTION_ID)


class Change(NamedTuple):
    """One entry: what must not be believed of tokens and caches that are older.

    Args:
        at: the time in Unix seconds, by the clock of the node that wrote it.
        account: the account that changed; None: tokens were issued at this time.
        session: the session that ended; None: all credentials of the account are concerned.
    """

    at: int
    account: int | None = None
    session: str | None = None


@dataclass(frozen=True, slots=True)
class Reader:
    """Receives what a feed reads.

    Args:
        add: called with new entries.
        replace: called with all entries since `since`, when some may have been missed.
        since: returns the time from which on entries still matter, in Unix seconds.
    """

    add: Callable[[Sequence[Change]], None]
    replace: Callable[[Sequence[Change]], None]
    since: Callable[[], int]


def record(connection: Connection, changes: Sequence[Change]) -> None:
    """Write changes in the transaction of a connection."""
    rows = [
        {"at": change.at, "account_id": change.account, "session_id": change.session}
        for change in changes
    ]
    on_sqlite = connection.dialect.name == "sqlite"
    connection.execute(_INSERT if on_sqlite else _INSERT_ORDERED, rows)
