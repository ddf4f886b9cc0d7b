"""Limits, counted in the database: exact for all workers and nodes, and kept over a restart.

An attempt is counted before its work is done, so that parallel attempts cannot exceed the limit.
The first attempt beyond a limit is counted too, and the audit log records it. Later ones are
refused after a read, which the refusal cache repeats at most once a second.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement
from sqlalchemy.orm import Session

from identity.domain.errors import RateLimited
from identity.domain.limits import Limit
from identity.domain.ports import Clock
from identity.services.limits import counters
from identity.services.limits.counters import State, digest
from identity.services.limits.refusal_cache import ChangeGeneration, RefusalCache
from identity.services.work.transaction import Transaction, Transactions

_SWEEP_EVERY: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Count:
    """One counter: its limit, and the key of its row."""

    limit: Limit
    key: str

    @classmethod
    def of(cls, limit: Limit, item: str) -> Count:
        """Return the counter of a limit for one name, client network or account."""
        return cls(limit, digest(limit.name, item))


@dataclass(frozen=True, slots=True)
class LimitExceeded:
    """A refused attempt. Only the `first` one beyond the limit is recorded in the audit log."""

    limit: Limit
    retry_after: timedelta
    first: bool = False

    def error(self) -> RateLimited:
        """Return the error to raise."""
        return RateLimited(self.retry_after, self.limit)


class Limits:
    """Counts attempts, in the transaction of the caller or in its own.

    Args:
        transactions: reads and writes counters.
        clock: the time.
        changes: the change generation, which invalidates cached refusals.
    """

    def __init__(self, transactions: Transactions, clock: Clock, changes: ChangeGeneration) -> None:
        self._transactions = transactions
        self._clock = clock
        self.refusals = RefusalCache(clock, changes)
        self._swept_at: datetime | None = None

    def take(self, *counts: Count) -> None:
        """Count one attempt in its own transaction.

        Raises:
            RateLimited: a limit is exceeded. If it already was, nothing is written.
        """
        if not any(each.limit.most for each in counts):
            return
        with self.refusals.remembered(counts):
            self._transactions.read(lambda session: self.require_open(session, *counts))
            refusal = self._transactions.write_unattended(
                lambda tx: self.count(tx.session, *counts)
            )
            if refusal is not None:
                raise refusal.error()

    def require_open(self, session: Session, *counts: Count) -> None:
        """Refuse, after one read, what was refused before in the same window.

        Raises:
            RateLimited: a limit was exceeded before.
        """
        if keys := [each.key for each in counts if each.limit.most]:
            self.require(self.standing(session, keys), *counts)

    def standing(self, session: Session, keys: Sequence[str]) -> dict[str, State]:
        """Return the current counters by key; see `counters.states`."""
        return counters.states(session, keys, self._clock.now())

    def require(self, standing: Mapping[str, State], *counts: Count) -> None:
        """Refuse what was refused before in the same window.

        Args:
            standing: the counters that `standing` returned.
            counts: those of them to check.

        Raises:
            RateLimited: a limit was exceeded before.
        """
        for each in counts:
            state = standing.get(each.key)
            if state is not None and 0 < each.limit.most < state.attempts:
                raise RateLimited(state.ends_at - self._clock.now(), each.limit)

    def count(self, session: Session, *counts: Count) -> LimitExceeded | None:
        """Count one attempt in all of these, or in none if one of them refuses.

        Of any number of parallel attempts, exactly the allowed ones pass. A refused attempt does
        not extend the window. Callers pass counters of IPs before those of names: rows that are
        always locked in the same order cannot deadlock.
        """
        now = self._clock.now()
        for index, each in enumerate(counts):
            if not each.limit.most:
                continue
            count, ends_at = counters.add(session, each.key, each.limit, now)
            if count > each.limit.most:
                self.uncount(session, *counts[:index])
                return LimitExceeded(each.limit, ends_at - now, first=count == each.limit.most + 1)
        self._sweep(session, now)
        return None

    def uncount(self, session: Session, *counts: Count) -> None:
        """Subtract one attempt again. A limit that was exceeded stays so."""
        for each in counts:
            counters.take_back(session, each.key, each.limit)

    def succeed(self, tx: Transaction, account_id: int, *counts: Count) -> None:
        """Report that an attempt was successful.

        A counter of consecutive failures is deleted; from others, the attempt is subtracted. If
        parallel attempts were refused meanwhile, the change is notified, so that no process caches
        these refusals.
        """
        exceeded = False
        for each in counts:  # IPs first, as in `count`
            if each.limit.most and not each.limit.in_a_row:
                subtracted = counters.take_back(tx.session, each.key, each.limit)
                exceeded = exceeded or not subtracted
        most = {each.key: each.limit.most for each in counts if each.limit.in_a_row}
        deleted = counters.forget(tx.session, list(most))
        if exceeded or any(0 < most[key] < attempts for key, attempts in deleted.items()):
            tx.changed(account_id)

    def lift(self, tx: Transaction, account_id: int, where: ColumnElement[bool]) -> None:
        """Delete the counters that meet a condition, and notify the change to every process."""
        counters.forget_where(tx.session, where)
        tx.changed(account_id)

    def _sweep(self, session: Session, now: datetime) -> None:
        # By time and not for each new counter. Constant work: see docs/security.md#enumeration.
        if self._swept_at is None or abs(now - self._swept_at) >= _SWEEP_EVERY:
            self._swept_at = now
            counters.sweep(session, now)
