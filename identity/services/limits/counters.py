"""The rows that limits count in, by statements made once: every login asks them, and making one takes as long."""

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
        COUNTERS.c.key == bindparam("which"),
        COUNTERS.c.count > 0,
        COUNTERS.c.count <= bindparam("most"),
    )
    .values(count=COUNTERS.c.count - 1)
    .returning(COUNTERS.c.count)
)
# A few at a time and never waiting for another: rows stay bounded, nobody stalls.
_SWEEP: Final = delete(COUNTERS).where(
    COUNTERS.c.key.in_(
        select(COUNTERS.c.key)
        .where(COUNTERS.c.ends_at <= _NOW)
        .limit(_SWEEP_ROWS)
        .with_for_update(skip_locked=True)
    )
)


class State(NamedTuple):
    """What a counter says until its window ends: how many tries it has counted."""

    tries: int
    ends_at: datetime


def digest(kind: str, what: str) -> str:
    """Return the key of a counter, which tells nobody what it counts."""
    return hashlib.sha256(f"{kind}:{what}".encode("utf-8", "replace")).hexdigest()


def states(session: Session, keys: Sequence[str], now: datetime) -> dict[str, State]:
    """Return what each counter says; one whose window has ended, or that never was, says nothing until now."""
    given: dict[str, Any] = {"keys": keys, "now": now} | {
        f"key{place}": key for place, key in enumerate(keys)
    }
    found = session.execute(_reading(len(keys)), given).one()
    return {
        key: State(tries or 0, ends_at or now)
        for key, tries, ends_at in zip(keys, found[::2], found[1::2], strict=True)
    }


def add(session: Session, key: str, limit: Limit, now: datetime) -> State:
    """Count one try and return the count: one statement, so that parallel tries never miscount."""
    statement = _adding(session.get_bind().dialect.name, in_a_row=limit.in_a_row)
    given = {"which": key, "now": now, "end": now + limit.window, "most": limit.most}
    return State(*session.execute(statement, given).one())


def take_back(session: Session, key: str, limit: Limit) -> bool:
    """Count one try less and return True; False if there is none, or the counter has its mark, which stays."""
    return session.execute(_TAKE_BACK, {"which": key, "most": limit.most}).first() is not None


def forget(session: Session, keys: Sequence[str]) -> dict[str, int]:
    """Start counters anew; return what they had counted."""
    return dict(session.execute(_FORGET, {"keys": keys}).all())


def forget_where(session: Session, where: ColumnElement[bool]) -> None:
    """Start those counters anew."""
    session.execute(delete(COUNTERS).where(where))


def sweep(session: Session, now: datetime) -> None:
    """Delete some of the counters whose window has ended."""
    session.execute(_SWEEP, {"now": now})


@cache
def _reading(keys: int) -> Executable:
    # One row, whatever is there: rows are read one by one, and their number would tell who is known at an address.
    columns: list[ColumnElement[Any]] = []
    for place in range(keys):
        this = COUNTERS.c.key == bindparam(f"key{place}")
        columns += (
            func.max(case((this, COUNTERS.c.count))),
            func.max(case((this, COUNTERS.c.ends_at))),
        )
    return select(*columns).where(_KEYS, COUNTERS.c.ends_at > _NOW)


@cache
def _adding(dialect: str, *, in_a_row: bool) -> Executable:
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
