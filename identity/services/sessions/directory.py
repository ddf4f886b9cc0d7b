"""Finds the session of a token that does not carry claims, or whose claims may be outdated.

The answer comes from the cache while the journal is current, else from one row of the database,
without ORM objects, a transaction or a write.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Executable, bindparam, select

from identity.domain.credentials import ProofMethod
from identity.services.sessions.cache import CachedSession, SessionCache, SessionState
from identity.services.sessions.journal import Journal
from identity.services.sessions.pools import WAS_SHOWN
from identity.services.work.accounts import subject_of
from identity.services.work.session_life import STANDS, is_expired
from identity.services.work.transaction import Transactions
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
        transactions: reads sessions.
        journal: tells whether a cached row is still true.
        bound: how many sessions are cached.
    """

    def __init__(self, transactions: Transactions, journal: Journal, *, bound: int) -> None:
        self._transactions = transactions
        self._journal = journal
        self._cache = SessionCache(bound)
        # Counted without a lock, so not quite exact.
        self._lookups = 0
        self._misses = 0
        self._bypasses = 0

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
        self._cache.forget(key)

    def _find(self, key: str, statement: Executable) -> SessionState | None:
        self._lookups += 1
        if not self._journal.is_current():
            self._bypasses += 1
            return self._read(key, statement)
        cached = self._cache.find(key)
        if cached is not None and self._holds(cached):
            return cached.state
        self._misses += 1
        generation = self._journal.generation
        state = self._read(key, statement)
        if state is not None:
            self._cache.keep(key, CachedSession(state, generation))
        return state

    def _holds(self, cached: CachedSession) -> bool:
        state = cached.state
        unchanged = self._journal.unchanged(cached.generation, state.subject.id, state.session)
        # Another process may have extended the idle lifetime, which the journal does not say.
        return unchanged and not (state.idle_end and is_expired(state, self._transactions.now()))

    def state(self) -> dict[str, float]:
        """Return the metrics of the cache, by name."""
        return {
            "identity_directory_sessions": len(self._cache),
            "identity_directory_lookups_total": self._lookups,
            "identity_directory_misses_total": self._misses,
            "identity_directory_bypasses_total": self._bypasses,
        }

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
