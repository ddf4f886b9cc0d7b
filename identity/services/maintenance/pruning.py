"""Deletes expired rows in small steps, so that no lock is held for long.

Each step reads one window of a table, ordered by its key, and writes only if a row in it has
expired. Several nodes can prune at the same time. Certificates are kept, because the revocation
list and the check for reused keys need them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, delete, false, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute

from identity.services.maintenance.unconfirmed_emails import UnconfirmedEmails
from identity.services.work.session_life import ended
from identity.services.work.transaction import Transactions
from identity.store.models import AuditEvent, Counter, JournalEntry, LoginSession, OutboxMail

SENT_KEPT: Final = timedelta(days=7)
PARKED_KEPT: Final = timedelta(days=90)
# Longer than any access token lives.
JOURNAL_KEPT: Final = timedelta(hours=25)
_WINDOW: Final = 500


@dataclass(frozen=True, slots=True)
class Sweep:
    """What to delete from one table.

    A `chronological` sweep ends at the first window without an expired row.
    """

    name: str
    table: type
    key: InstrumentedAttribute[Any]
    expired: ColumnElement[bool]
    chronological: bool = False


@dataclass(frozen=True, slots=True)
class Pruned:
    """How many rows one step deleted, and of which kind."""

    name: str
    rows: int


class Pruning:
    """Deletes expired rows.

    Args:
        transactions: runs each step.
        audit_life: how long an event is kept; zero for no end.
        unconfirmed: releases emails that were not confirmed.
    """

    def __init__(
        self,
        transactions: Transactions,
        *,
        audit_life: timedelta,
        unconfirmed: UnconfirmedEmails,
    ) -> None:
        self._transactions = transactions
        self._audit_life = audit_life
        self._unconfirmed = unconfirmed

    def steps(self) -> Iterator[Pruned]:
        """Walk through all tables once, and yield after each step, so that the caller can pause.

        Raises:
            Unavailable: the database does not answer; earlier steps are committed.
        """
        for released in self._unconfirmed.steps():
            yield Pruned("unconfirmed emails", released)
        for sweep in self._sweeps(self._transactions.now()):
            yield from self._walk(sweep)

    def _sweeps(self, now: datetime) -> tuple[Sweep, ...]:
        old = AuditEvent.at <= now - self._audit_life if self._audit_life else false()
        # The newest one stays: by it, readers notice that a database was set back.
        newest = select(func.max(JournalEntry.id)).scalar_subquery()
        outdated = int((now - JOURNAL_KEPT).timestamp())
        read = and_(JournalEntry.at < outdated, JournalEntry.id < newest)
        sent = or_(OutboxMail.sent_at <= now - SENT_KEPT, OutboxMail.parked_at <= now - PARKED_KEPT)
        return (
            Sweep("sessions", LoginSession, LoginSession.id, ended(now)),
            Sweep("audit events", AuditEvent, AuditEvent.id, old, chronological=True),
            Sweep("journal entries", JournalEntry, JournalEntry.id, read, chronological=True),
            Sweep("mails", OutboxMail, OutboxMail.id, sent),
            Sweep("counters", Counter, Counter.key, Counter.ends_at <= now),
        )

    def _walk(self, sweep: Sweep) -> Iterator[Pruned]:
        after: object = None
        while True:
            window = self._window(sweep, after)
            expired = [key for key, is_expired in window if is_expired]
            yield Pruned(sweep.name, self._delete(sweep, expired) if expired else 0)
            if len(window) < _WINDOW or (sweep.chronological and not expired):
                return
            after = window[-1][0]

    def _window(self, sweep: Sweep, after: object) -> list[tuple[Any, bool]]:
        query = select(sweep.key, sweep.expired).order_by(sweep.key).limit(_WINDOW)
        if after is not None:
            query = query.where(sweep.key > after)
        return self._transactions.read(
            lambda session: [(key, bool(expired)) for key, expired in session.execute(query)]
        )

    def _delete(self, sweep: Sweep, keys: list[Any]) -> int:
        # Checked again under the lock, in case a row was renewed meanwhile. Rows that another node
        # has locked are skipped.
        unlocked = (
            select(sweep.key)
            .where(sweep.key.in_(keys), sweep.expired)
            .with_for_update(skip_locked=True)
        )
        deletion = delete(sweep.table).where(sweep.key.in_(unlocked)).returning(sweep.key)
        statement = deletion.execution_options(synchronize_session=False)
        return self._transactions.write_unattended(
            lambda tx: len(tx.session.execute(statement).all())
        )
