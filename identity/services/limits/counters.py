"""Counters of the limits, as rows of the database.

The statements are prepared once: every login runs them, and building one costs as much as
running it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Executable, bindparam, case, delete, func, or_, select, update
from sqlalchemy.orm import Session

from identity.domain.limits import Limit
from identity.store.models import COUNTERS
from identity.store.types import UtcDateTime
from identity.store.upsert import insert

_SWEEP_ROWS: Final = 500

_NOW: Final = bindparam("now", type_=UtcDateTime())
_KEYS: Final = COUNTERS.c.key.in_(bindparam("keys", expanding=True))
_FORGET: Final = delete(COUNTERS).where(_KEYS).returning(COUNTERS.c.key, COUNTERS.c.count)
_TAKE_BACK: Final = (
    update(COUNTERS)
    .where(
        COUNTERS.c.key == bindparam("counter"),
        COUNTERS.c.count > 0,
        COUNTERS.c.count <= bindparam("most"),
    )
    .values(count=COUNTERS.c.count - 1)
    .returning(COUNTERS.c.count)
)
# In small batches and without waiting for locks, so that no request is delayed.
_SWEEP: Final = delete(COUNTERS).where(
    COUNTERS.c.key.in_(
        select(COUNTERS.c.key)
        .where(COUNTERS.c.ends_at <= _NOW)
        .limit(_SWEEP_ROWS)
        .with_for_update(skip_locked=True)
    )
)


class State(NamedTuple):
    """A counter: how many attempts it has counted, and when its window ends."""

    attempts: int
    ends_at: datetime


def digest(kind: str, item: str) -> str:
    """Return the key of a counter: a SHA-256 in hexadecimal, which hides what is counted."""
    return hashlib.sha256(f"{kind}:{item}".encode("utf-8", "replace")).hexdigest()


def states(session: Session, keys: Sequence[str], now: datetime) -> dict[str, State]:
    """Return each counter by its key.

    A counter that has expired or does not exist has no attempts, and its window ends now.
    """
    parameters: dict[str, Any] = {"keys": keys, "now": now}
    parameters |= {f"key{index}": key for index, key in enumerate(keys)}
    row = session.execute(_select(len(keys)), parameters).one()
    return {
        key: State(attempts or 0, ends_at or now)
        for key, attempts, ends_at in zip(keys, row[::2], row[1::2], strict=True)
    }


def add(session: Session, key: str, limit: Limit, now: datetime) -> State:
    """Count one attempt and return the counter.

    One statement does both, so that parallel attempts are counted exactly.
    """
    statement = _upsert(session.get_bind().dialect.name, in_a_row=limit.in_a_row)
    parameters = {"counter": key, "now": now, "end": now + limit.window, "most": limit.most}
    return State(*session.execute(statement, parameters).one())


def take_back(session: Session, key: str, limit: Limit) -> bool:
    """Subtract one attempt; return False if there is none or the limit is already exceeded."""
    return session.execute(_TAKE_BACK, {"counter": key, "most": limit.most}).first() is not None


def forget(session: Session, keys: Sequence[str]) -> dict[str, int]:
    """Delete counters; return their counts by key."""
    return dict(session.execute(_FORGET, {"keys": keys}).all())


def forget_where(session: Session, where: ColumnElement[bool]) -> None:
    """Delete the counters that meet a condition."""
    session.execute(delete(COUNTERS).where(where))


def sweep(session: Session, now: datetime) -> None:
    """Delete a batch of expired counters."""
    session.execute(_SWEEP, {"now": now})


@cache
def _select(keys: int) -> Executable:
    # One row for any number of counters. Constant work: see docs/security.md#enumeration.
    columns: list[ColumnElement[Any]] = []
    for index in range(keys):
        of_key = COUNTERS.c.key == bindparam(f"key{index}")
        columns += (
            func.max(case((of_key, COUNTERS.c.count))),
            func.max(case((of_key, COUNTERS.c.ends_at))),
        )
    return select(*columns).where(_KEYS, COUNTERS.c.ends_at > _NOW)


@cache
def _upsert(dialect: str, *, in_a_row: bool) -> Executable:
    table = COUNTERS.c
    end = bindparam("end", type_=UtcDateTime())
    expired = table.ends_at <= _NOW
    new_window = or_(expired, table.count < bindparam("most")) if in_a_row else expired
    return (
        insert(dialect, COUNTERS)
        .values(key=bindparam("counter"), count=1, ends_at=end)
        .on_conflict_do_update(
            index_elements=[table.key],
            set_={
                "count": case((expired, 1), else_=table.count + 1),
                "ends_at": case((new_window, end), else_=table.ends_at),
            },
        )
        .returning(table.count, table.ends_at)
    )
