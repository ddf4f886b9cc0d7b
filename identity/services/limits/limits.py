"""Counters in the database: exact for any number of workers and nodes, and still there after a restart.

A try is counted before its work is done, so that parallel tries cannot outrun the count. The first one beyond a
limit is counted too, as the mark that it was refused and written down; the others find the mark by reading, at
most once a second for the same try.
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
    """One counter: the key of its row, and how far it goes."""

    limit: Limit
    key: str

    @classmethod
    def of(cls, limit: Limit, what: str) -> Count:
        """Return the counter of a limit for one name, address or account."""
        return cls(limit, digest(limit.name, what))


@dataclass(frozen=True, slots=True)
class LimitExceeded:
    """A try that the limit did not let through; `first` is the one that is written down."""

    limit: Limit
    retry_after: timedelta
    first: bool = False

    def error(self) -> RateLimited:
        """Return what the caller hears."""
        return RateLimited(self.retry_after, self.limit)


class Limits:
    """Counts tries, inside the transactions of those who ask or in its own."""

    def __init__(self, transactions: Transactions, clock: Clock, changes: ChangeGeneration) -> None:
        self._transactions = transactions
        self._clock = clock
        self.refusals = RefusalCache(clock, changes)
        self._swept_at: datetime | None = None

    def take(self, *counts: Count) -> None:
        """Count one try in a transaction of its own.

        Raises:
            RateLimited: it is one too many; where that is known already, nothing is written.
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
        """Refuse by one read what was refused before in the same window.

        Raises:
            RateLimited: a counter has its mark.
        """
        if keys := [each.key for each in counts if each.limit.most]:
            self.require(self.standing(session, keys), *counts)

    def standing(self, session: Session, keys: Sequence[str]) -> dict[str, State]:
        """Return what each counter says; one whose window has ended, or that never was, says nothing until now."""
        return counters.states(session, keys, self._clock.now())

    def require(self, standing: Mapping[str, State], *counts: Count) -> None:
        """Refuse what these counters refused before.

        Raises:
            RateLimited: one of them has its mark.
        """
        for each in counts:
            state = standing.get(each.key)
            if state is not None and 0 < each.limit.most < state.tries:
                raise RateLimited(state.ends_at - self._clock.now(), each.limit)

    def count(self, session: Session, *counts: Count) -> LimitExceeded | None:
        """Count one try in all of these, or in none of them when one refuses.

        One statement counts and tells the count, so of any number of parallel tries exactly the allowed ones
        pass. A refused try does not lengthen its window. Callers give addresses before names: whoever
        locks rows in one order never waits in a circle.
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
        """Take one try back: it was none after all. A mark stays."""
        for each in counts:
            counters.take_back(session, each.key, each.limit)

    def succeed(self, tx: Transaction, account_id: int, *counts: Count) -> None:
        """Say that a try of somebody was right: failures in a row are over, others are one less.

        Others of his may have been refused while this one was on its way; what is remembered of that is over.
        """
        marked = False
        for each in counts:  # addresses first, as where they are counted
            if each.limit.most and not each.limit.in_a_row:
                marked |= not counters.take_back(tx.session, each.key, each.limit)
        most = {each.key: each.limit.most for each in counts if each.limit.in_a_row}
        over = counters.forget(tx.session, list(most))
        marked |= any(0 < most[key] < tries for key, tries in over.items())
        if marked:
            tx.changed(account_id)

    def lift(self, tx: Transaction, account_id: int, where: ColumnElement[bool]) -> None:
        """Start some counters anew, and have every process forget what it refused by them."""
        counters.forget_where(tx.session, where)
        tx.changed(account_id)

    def _sweep(self, session: Session, now: datetime) -> None:
        # By time, not at each new name: that would tell the names that nobody has tried before.
        if self._swept_at is None or abs(now - self._swept_at) >= _SWEEP_EVERY:
            self._swept_at = now
            counters.sweep(session, now)
