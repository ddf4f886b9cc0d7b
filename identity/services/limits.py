"""Counters in the database: exact for any number of workers and nodes, and still there after a restart.

A try is counted before its work is done, so that parallel tries cannot outrun the count. The first one beyond a
limit is counted too, as the mark that it was refused and written down; the others find the mark by reading, at
most once a second for the same try.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, case, delete, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from identity.domain.errors import RateLimited
from identity.domain.limits import Limit
from identity.domain.ports import Clock
from identity.services.refusals import Refusals
from identity.services.transactions import Transactions
from identity.store.models import Counter

_PRUNE_BATCH: Final = 20


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
class Refusal:
    """A try that the limit did not let through; `first` is the one that is written down."""

    limit: Limit
    retry_after: timedelta
    first: bool = False

    def error(self) -> RateLimited:
        """Return what the caller hears."""
        return RateLimited(self.retry_after, self.limit)


class Limits:
    """Counts tries, inside the transactions of those who ask or in its own."""

    def __init__(self, transactions: Transactions, clock: Clock) -> None:
        self._transactions = transactions
        self._clock = clock
        self.refusals = Refusals(clock)

    def take(self, *counts: Count) -> None:
        """Count one try in a transaction of its own.

        Raises:
            RateLimited: it is one too many; where that is known already, nothing is written.
        """
        if not any(each.limit.most for each in counts):
            return
        with self.refusals.remembered(counts):
            self._transactions.read(lambda session: self.require_open(session, *counts))
            refusal = self._transactions.write(lambda session: self.count(session, *counts))
            if refusal is not None:
                raise refusal.error()

    def require_open(self, session: Session, *counts: Count) -> None:
        """Refuse by one read what was refused before in the same window.

        Raises:
            RateLimited: a counter has its mark.
        """
        wanted, now = {each.key: each.limit for each in counts if each.limit.most}, self._clock.now()
        query = select(Counter.key, Counter.count, Counter.ends_at).where(
            Counter.key.in_(wanted), Counter.ends_at > now
        )
        for key, count, ends_at in session.execute(query) if wanted else ():
            if count > wanted[key].most:
                raise RateLimited(ends_at - now, wanted[key])

    def count(self, session: Session, *counts: Count) -> Refusal | None:
        """Count one try in all of these, or in none of them when one refuses.

        One statement counts and tells the count, so of any number of parallel tries exactly the allowed ones
        pass. A refused try does not lengthen its window. Callers give addresses before names: whoever
        locks rows in one order never waits in a circle.
        """
        now = self._clock.now()
        for index, each in enumerate(counts):
            if not each.limit.most:
                continue
            count, ends_at = _count_one(session, each, now)
            if count > each.limit.most:
                self.uncount(session, *counts[:index])
                return Refusal(each.limit, ends_at - now, first=count == each.limit.most + 1)
        _prune(session, now)  # at every try: doing so for new names alone would tell them by their time
        return None

    def uncount(self, session: Session, *counts: Count) -> None:
        """Take one try back: it was none after all. A mark stays."""
        for each in counts:
            counted = (Counter.key == each.key, Counter.count > 0, Counter.count <= each.limit.most)
            session.execute(update(Counter).where(*counted).values(count=Counter.count - 1))

    def succeed(self, session: Session, *counts: Count) -> None:
        """Say that a try was right: failures in a row are over, others are one less."""
        for each in counts:
            if each.limit.in_a_row:
                self.forget(session, Counter.key == each.key)
            else:
                self.uncount(session, each)

    def forget(self, session: Session, where: ColumnElement[bool]) -> None:
        """Start some counters anew."""
        session.execute(delete(Counter).where(where))


def digest(kind: str, what: str) -> str:
    """Return the key of a counter, which tells nobody what it counts."""
    return hashlib.sha256(f"{kind}:{what}".encode("utf-8", "replace")).hexdigest()


def _count_one(session: Session, one: Count, now: datetime) -> tuple[int, datetime]:
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    over, end = Counter.ends_at <= now, now + one.limit.window
    begins = or_(over, Counter.count < one.limit.most) if one.limit.in_a_row else over
    statement = (
        insert(Counter)
        .values(key=one.key, count=1, ends_at=end)
        .on_conflict_do_update(
            index_elements=[Counter.key],
            set_={
                "count": case((over, 1), else_=Counter.count + 1),
                "ends_at": case((begins, end), else_=Counter.ends_at),
            },
        )
        .returning(Counter.count, Counter.ends_at)
    )
    count, ends_at = session.execute(statement).one()
    return count, ends_at


def _prune(session: Session, now: datetime) -> None:
    # A few at a time and never waiting for another pruner: rows stay bounded, nobody stalls.
    ended = select(Counter.key).where(Counter.ends_at <= now).limit(_PRUNE_BATCH).with_for_update(skip_locked=True)
    session.execute(delete(Counter).where(Counter.key.in_(ended)))
