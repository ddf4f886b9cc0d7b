"""Counters in the database: exact for any number of workers and nodes, and still there after a restart.

A try is counted before its work is done, so that parallel tries cannot outrun the count. The first one beyond a
limit is counted too, as the mark that it was refused and written down; the others find the mark by reading, at
most once a second for the same try.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Executable, bindparam, case, delete, func, or_, select, update
from sqlalchemy.orm import Session

from identity.domain.errors import RateLimited
from identity.domain.limits import Limit
from identity.domain.ports import Clock
from identity.services.refusals import News, Refusals
from identity.services.transactions import Transactions
from identity.store.models import COUNTERS
from identity.store.types import UtcDateTime
from identity.store.upsert import insert

_SWEEP_ROWS: Final = 500
_SWEEP_EVERY: Final = timedelta(seconds=1)

# Made once: every login asks them, and making one takes as long as asking it.
_NOW: Final = bindparam("now", type_=UtcDateTime())
_KEYS: Final = COUNTERS.c.key.in_(bindparam("keys", expanding=True))
_FORGET: Final = delete(COUNTERS).where(_KEYS).returning(COUNTERS.c.key, COUNTERS.c.count)
_UNCOUNT: Final = (
    update(COUNTERS)
    .where(COUNTERS.c.key == bindparam("which"), COUNTERS.c.count > 0, COUNTERS.c.count <= bindparam("most"))
    .values(count=COUNTERS.c.count - 1)
    .returning(COUNTERS.c.count)
)
# A few at a time and never waiting for another: rows stay bounded, nobody stalls.
_SWEEP: Final = delete(COUNTERS).where(
    COUNTERS.c.key.in_(
        select(COUNTERS.c.key).where(COUNTERS.c.ends_at <= _NOW).limit(_SWEEP_ROWS).with_for_update(skip_locked=True)
    )
)


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


class State(NamedTuple):
    """What a counter says until its window ends: how many tries it has counted."""

    tries: int
    ends_at: datetime


class Limits:
    """Counts tries, inside the transactions of those who ask or in its own."""

    def __init__(self, transactions: Transactions, clock: Clock, news: News) -> None:
        self._transactions = transactions
        self._clock = clock
        self.refusals = Refusals(clock, news)
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
            refusal = self._transactions.write(lambda session: self.count(session, *counts))
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
        now = self._clock.now()
        given: dict[str, Any] = {"keys": keys, "now": now} | {f"key{place}": key for place, key in enumerate(keys)}
        found = session.execute(_standing(len(keys)), given).one()
        return {
            key: State(tries or 0, ends_at or now)
            for key, tries, ends_at in zip(keys, found[::2], found[1::2], strict=True)
        }

    def require(self, standing: Mapping[str, State], *counts: Count) -> None:
        """Refuse what these counters refused before.

        Raises:
            RateLimited: one of them has its mark.
        """
        for each in counts:
            state = standing.get(each.key)
            if state is not None and 0 < each.limit.most < state.tries:
                raise RateLimited(state.ends_at - self._clock.now(), each.limit)

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
        self._sweep(session, now)
        return None

    def uncount(self, session: Session, *counts: Count) -> None:
        """Take one try back: it was none after all. A mark stays."""
        for each in counts:
            session.execute(_UNCOUNT, {"which": each.key, "most": each.limit.most})

    def succeed(self, session: Session, account_id: int, *counts: Count) -> None:
        """Say that a try of somebody was right: failures in a row are over, others are one less.

        Others of his may have been refused while this one was on its way; what is remembered of that is over.
        """
        marked = False
        for each in counts:  # addresses first, as where they are counted
            if each.limit.most and not each.limit.in_a_row:
                marked |= session.execute(_UNCOUNT, {"which": each.key, "most": each.limit.most}).first() is None
        most = {each.key: each.limit.most for each in counts if each.limit.in_a_row}
        over = session.execute(_FORGET, {"keys": list(most)}).all()
        marked |= any(0 < most[key] < tries for key, tries in over)
        if marked:
            self._transactions.note_change(session, account_id)

    def lift(self, session: Session, account_id: int, where: ColumnElement[bool]) -> None:
        """Start some counters anew, and have every process forget what it refused by them."""
        session.execute(delete(COUNTERS).where(where))
        self._transactions.note_change(session, account_id)

    def _sweep(self, session: Session, now: datetime) -> None:
        # By time, not at each new name: that would tell the names that nobody has tried before.
        if self._swept_at is None or abs(now - self._swept_at) >= _SWEEP_EVERY:
            self._swept_at = now
            session.execute(_SWEEP, {"now": now})


def digest(kind: str, what: str) -> str:
    """Return the key of a counter, which tells nobody what it counts."""
    return hashlib.sha256(f"{kind}:{what}".encode("utf-8", "replace")).hexdigest()


def _count_one(session: Session, one: Count, now: datetime) -> State:
    statement = _counting(session.get_bind().dialect.name, in_a_row=one.limit.in_a_row)
    given = {"which": one.key, "now": now, "end": now + one.limit.window, "most": one.limit.most}
    return State(*session.execute(statement, given).one())


@cache
def _standing(keys: int) -> Executable:
    # One row, whatever is there: rows are read one by one, and their number would tell who is known at an address.
    columns: list[ColumnElement[Any]] = []
    for place in range(keys):
        this = COUNTERS.c.key == bindparam(f"key{place}")
        columns += (func.max(case((this, COUNTERS.c.count))), func.max(case((this, COUNTERS.c.ends_at))))
    return select(*columns).where(_KEYS, COUNTERS.c.ends_at > _NOW)


@cache
def _counting(dialect: str, *, in_a_row: bool) -> Executable:
    table, end = COUNTERS.c, bindparam("end", type_=UtcDateTime())
    over = table.ends_at <= _NOW
    begins = or_(over, table.count < bindparam("most")) if in_a_row else over
    return (
        insert(dialect, COUNTERS)
        .values(key=bindparam("which"), count=1, ends_at=end)
        .on_conflict_do_update(
            index_elements=[table.key],
            set_={
                "count": case((over, 1), else_=table.count + 1),
                "ends_at": case((begins, end), else_=table.ends_at),
            },
        )
        .returning(table.count, table.ends_at)
    )
