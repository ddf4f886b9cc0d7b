"""Deleting what is over, a little at a time: no step holds a lock for long, and several nodes take turns.

A step reads one window of a table by its key, and writes only where something in it is over. Certificates stay:
the revocation list and the check of used keys need them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, delete, false, or_, select
from sqlalchemy.orm import InstrumentedAttribute

from identity.services.maintenance.unconfirmed_emails import UnconfirmedEmails
from identity.services.work.session_life import ended
from identity.services.work.transaction import Transaction, Transactions
from identity.store.models import AuditEvent, Counter, LoginSession, OutboxMail

SENT_KEPT: Final = timedelta(days=7)
PARKED_KEPT: Final = timedelta(days=90)
_WINDOW: Final = 500


@dataclass(frozen=True, slots=True)
class Sweep:
    """What to delete of one table. One that is `chronological` ends at the first window with nothing to delete."""

    name: str
    table: type
    key: InstrumentedAttribute[Any]
    over: ColumnElement[bool]
    chronological: bool = False


@dataclass(frozen=True, slots=True)
class Pruned:
    """How many rows one step deleted, and of what."""

    name: str
    rows: int


class Pruning:
    """Deletes what nobody can use any more.

    Args:
        transactions: one for each step.
        audit_life: how long an event of the audit trail is kept; zero: for ever.
        unconfirmed: takes emails back that were not confirmed.
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
        """Walk all tables once; yield after each step, so that the caller may rest.

        Raises:
            Unavailable: the database does not answer; what was deleted stays so.
        """
        for released in self._unconfirmed.steps():
            yield Pruned("unconfirmed emails", released)
        for sweep in self._sweeps(self._transactions.now()):
            yield from self._walk(sweep)

    def _sweeps(self, now: datetime) -> tuple[Sweep, ...]:
        old = AuditEvent.at <= now - self._audit_life if self._audit_life else false()
        told = or_(OutboxMail.sent_at <= now - SENT_KEPT, OutboxMail.parked_at <= now - PARKED_KEPT)
        return (
            Sweep("sessions", LoginSession, LoginSession.id, ended(now)),
            Sweep("audit events", AuditEvent, AuditEvent.id, old, chronological=True),
            Sweep("letters", OutboxMail, OutboxMail.id, told),
            Sweep("counters", Counter, Counter.key, Counter.ends_at <= now),
        )

    def _walk(self, sweep: Sweep) -> Iterator[Pruned]:
        after: object = None
        while True:
            window = self._window(sweep, after)
            over = [key for key, is_over in window if is_over]
            yield Pruned(sweep.name, self._delete(sweep, over) if over else 0)
            if len(window) < _WINDOW or (sweep.chronological and not over):
                return
            after = window[-1][0]

    def _window(self, sweep: Sweep, after: object) -> list[tuple[Any, bool]]:
        query = select(sweep.key, sweep.over).order_by(sweep.key).limit(_WINDOW)
        if after is not None:
            query = query.where(sweep.key > after)
        return self._transactions.read(
            lambda session: [(key, bool(over)) for key, over in session.execute(query)]
        )

    def _delete(self, sweep: Sweep, keys: list[Any]) -> int:
        # Asked again under the lock: what was revived meanwhile stays. What another node deletes is left to it.
        mine = (
            select(sweep.key)
            .where(sweep.key.in_(keys), sweep.over)
            .with_for_update(skip_locked=True)
        )
        statement = delete(sweep.table).where(sweep.key.in_(mine)).returning(sweep.key)

        def work(tx: Transaction) -> int:
            options = statement.execution_options(synchronize_session=False)
            return len(tx.session.execute(options).all())

        return self._transactions.write_unattended(work)
