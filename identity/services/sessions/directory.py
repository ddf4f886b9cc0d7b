"""Answers "is this session alive, and who is it" for the path that every request walks.

From memory where the feed of changes keeps that true, else from one row: no object, no transaction, no write.
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

# A session is alive while nothing revoked it and its account has not moved on since; its end in time
# is judged by the caller, who knows the clock.
_LIVE_SESSION: Final = (
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
_BY_ID: Final = _LIVE_SESSION.where(LoginSession.id == bindparam("key"))
_BY_DIGEST: Final = _LIVE_SESSION.where(LoginSession.digest == bindparam("key"))


class SessionDirectory:
    """Looks live sessions up.

    Args:
        engine: where the feed of changes is.
        transactions: how rows are read.
        bound: how many sessions to remember; the longest known is forgotten first.
    """

    def __init__(self, engine: Engine, transactions: Transactions, *, bound: int) -> None:
        self._transactions = transactions
        self._known = SessionCache(bound)
        self._lookups = self._misses = self._bypasses = 0  # nearly exact: counted without a lock
        self._feed = open_feed(engine, self._known.forget)
        transactions.on_change(self._changed)

    @property
    def generation(self) -> int:
        """A number that grows with every change of an account that is heard of."""
        return self._known.generation

    def is_current(self) -> bool:
        """Tell whether what was committed until a moment ago (at most a second) has been heard of."""
        return self._feed.is_current()

    def find(self, session_id: str) -> SessionState | None:
        """Return what is known of a session that nobody has ended, or None; its end in time is the caller's.

        Raises:
            Unavailable: the database does not answer; nobody is let in on a guess.
        """
        return self._find(session_id, _BY_ID)

    def find_by_digest(self, digest: str) -> SessionState | None:
        """Return the same for the session of an opaque token."""
        return self._find(digest, _BY_DIGEST)

    def refresh(self, key: str) -> None:
        """Read a session anew when it is next asked for, here alone: its use was noted, which ends nothing."""
        self._known.forget_one(key)

    def _find(self, key: str, statement: Executable) -> SessionState | None:
        self._lookups += 1
        if not self.is_current():
            self._bypasses += 1
            return self._read(key, statement)
        found = self._known.find(key)
        if found is None:
            self._misses += 1
            generation = self._known.generation
            found = self._read(key, statement)
            if found is not None:
                self._known.keep(key, found, generation=generation)
        return found

    def _changed(self, account_id: int) -> None:
        self._known.forget(account_id)
        self._feed.notify()

    def state(self) -> dict[str, float]:
        """Return what an operator wants to see, by the names of metrics."""
        return {
            "identity_directory_sessions": len(self._known),
            "identity_directory_lookups_total": self._lookups,
            "identity_directory_misses_total": self._misses,
            "identity_directory_bypasses_total": self._bypasses,
            "identity_feed_age_seconds": self._feed.lag(),
        }

    def close(self) -> None:
        """Stop listening for changes."""
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
