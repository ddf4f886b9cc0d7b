"""Tells, for every request with a token, whether its session is valid and whose it is.

The answer comes from the cache while the change feed is current, else from one row of the database,
without ORM objects, a transaction or a write.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Engine, Executable, bindparam, select

from identity.domain.credentials import ProofMethod
from identity.services.sessions.cache import SessionCache, SessionState
from identity.services.sessions.pools import WAS_SHOWN
from identity.services.work.accounts import subject_of
from identity.services.work.session_life import STANDS
from identity.services.work.transaction import Transactions
from identity.store.changes import open_feed
from identity.store.models import Account, LoginSession

# Not revoked, and the account's credentials were not invalidated. The caller checks whether it has
# expired, because the row may be cached.
_VALID_SESSION: Final = (
    select(
        Account.id,
        Account.username,
        Account.admin,
        Account.version,
        Account.uuid,
        Account.short_id,
        LoginSession.id.label("session_id"),
        LoginSession.authenticated_at,
        LoginSession.proof,
        LoginSession.idle_end,
        LoginSession.absolute_end,
        LoginSession.last_used_at,
        WAS_SHOWN.label("shown"),
        LoginSession.renewed_at.is_not(None).label("renewed"),
    )
    .join(Account, Account.id == LoginSession.account_id)
    .where(STANDS)
)
_BY_ID: Final = _VALID_SESSION.where(LoginSession.id == bindparam("key"))
_BY_DIGEST: Final = _VALID_SESSION.where(LoginSession.digest == bindparam("key"))


class SessionDirectory:
    """Finds valid sessions.

    Args:
        engine: of the database, which has the change feed.
        transactions: reads sessions.
        bound: how many sessions are cached; the oldest entry is dropped first.
    """

    def __init__(self, engine: Engine, transactions: Transactions, *, bound: int) -> None:
        self._transactions = transactions
        self._cache = SessionCache(bound)
        # Counted without a lock, so not quite exact.
        self._lookups = 0
        self._misses = 0
        self._bypasses = 0
        self._feed = open_feed(engine, self._cache.forget)
        transactions.on_change(self._changed)

    @property
    def generation(self) -> int:
        """A number that grows with every notified change of an account."""
        return self._cache.generation

    def is_current(self) -> bool:
        """Tell whether changes committed up to now (at most a second ago) have been notified."""
        return self._feed.is_current()

    def find(self, session_id: str) -> SessionState | None:
        """Return a session that was not revoked or invalidated, or None.

        The caller checks whether it has expired.

        Raises:
            Unavailable: the database does not answer.
        """
        return self._find(session_id, _BY_ID)

    def find_by_digest(self, digest: str) -> SessionState | None:
        """Return the session of an opaque token by its digest; see `find`."""
        return self._find(digest, _BY_DIGEST)

    def refresh(self, key: str) -> None:
        """Have this process read a session again, whose use was recorded."""
        self._cache.forget_one(key)

    def _find(self, key: str, statement: Executable) -> SessionState | None:
        self._lookups += 1
        if not self.is_current():
            self._bypasses += 1
            return self._read(key, statement)
        state = self._cache.find(key)
        if state is None:
            self._misses += 1
            generation = self._cache.generation
            state = self._read(key, statement)
            if state is not None:
                self._cache.keep(key, state, generation=generation)
        return state

    def _changed(self, account_id: int) -> None:
        self._cache.forget(account_id)
        self._feed.notify()

    def state(self) -> dict[str, float]:
        """Return the metrics of the cache and of the change feed, by name."""
        return {
            "identity_directory_sessions": len(self._cache),
            "identity_directory_lookups_total": self._lookups,
            "identity_directory_misses_total": self._misses,
            "identity_directory_bypasses_total": self._bypasses,
            "identity_feed_age_seconds": self._feed.lag(),
        }

    def close(self) -> None:
        """Close the change feed."""
        self._feed.close()

    def _read(self, key: str, statement: Executable) -> SessionState | None:
        row = self._transactions.row(statement, {"key": key})
        if row is None:
            return None
        return SessionState(
            subject=subject_of(row),
            session=row.session_id,
            authenticated_at=row.authenticated_at,
            proof=ProofMethod(row.proof),
            absolute_end=row.absolute_end,
            idle_end=row.idle_end,
            last_used_at=row.last_used_at,
            shown=bool(row.shown),
            renewed=bool(row.renewed),
        )
