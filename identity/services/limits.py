"""How often a name's password may be guessed.

An attempt is counted before the hash is computed and forgotten when it succeeds, so that parallel guesses
cannot outrun the count. Unknown names are counted like known ones: a lock tells nothing about an account.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import case, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from identity.domain.ports import Clock
from identity.store.models import Counter

_PRUNE_BATCH: Final = 20


@dataclass(frozen=True, slots=True)
class LoginLimit:
    """After `failures` wrong passwords in a row a name is locked for `lock` from the last attempt."""

    failures: int
    lock: timedelta


class Limits:
    """Counts attempts inside the transactions of those who ask."""

    def __init__(self, limit: LoginLimit, clock: Clock) -> None:
        self._limit = limit
        self._clock = clock

    def count_attempt(self, session: Session, canonical_name: str) -> timedelta | None:
        """Count one attempt; return how long the name is locked, or None when it may be tried.

        One statement counts and tells the count, so of any number of parallel attempts exactly
        the allowed ones pass. An attempt on a locked name does not lengthen the lock.
        """
        now = self._clock.now()
        insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
        over, locked = Counter.ends_at <= now, Counter.count >= self._limit.failures
        statement = (
            insert(Counter)
            .values(key=_key(canonical_name), count=1, ends_at=now + self._limit.lock)
            .on_conflict_do_update(
                index_elements=[Counter.key],
                set_={
                    "count": case((over, 1), else_=Counter.count + 1),
                    "ends_at": case(
                        (over, now + self._limit.lock), (locked, Counter.ends_at), else_=now + self._limit.lock
                    ),
                },
            )
            .returning(Counter.count, Counter.ends_at)
        )
        count, ends_at = session.execute(statement).one()
        if count == 1:
            self._prune(session, now)
        return ends_at - now if count > self._limit.failures else None

    def _prune(self, session: Session, now: datetime) -> None:
        # A few at a time and never waiting for another pruner: rows stay bounded, nobody stalls.
        ended = select(Counter.key).where(Counter.ends_at <= now).limit(_PRUNE_BATCH).with_for_update(skip_locked=True)
        session.execute(delete(Counter).where(Counter.key.in_(ended)))

    def uncount(self, session: Session, canonical_name: str) -> None:
        """Take one attempt back: nothing was tried after all."""
        counted = update(Counter).where(Counter.key == _key(canonical_name), Counter.count > 0)
        session.execute(counted.values(count=Counter.count - 1))

    def forget(self, session: Session, canonical_name: str) -> None:
        """Start counting anew: the password was right, or an administrator says so."""
        session.execute(delete(Counter).where(Counter.key == _key(canonical_name)))

    def locked_until(self, session: Session, canonical_names: Iterable[str]) -> dict[str, datetime]:
        """Return, for those of the names that are locked, until when."""
        names = {_key(name): name for name in canonical_names}
        query = select(Counter.key, Counter.ends_at).where(
            Counter.key.in_(names),
            Counter.count >= self._limit.failures,
            Counter.ends_at > self._clock.now(),
        )
        return {names[key]: ends_at for key, ends_at in session.execute(query)}


def _key(canonical_name: str) -> str:
    return hashlib.sha256(b"login:" + canonical_name.encode("utf-8", "replace")).hexdigest()
