"""Caches the rows of valid sessions whose tokens do not carry claims, such as opaque tokens."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from identity.domain.credentials import ProofMethod
from identity.domain.principal import Subject


class SessionState(NamedTuple):
    """A valid session and its account; whether its token was used and was renewed before."""

    subject: Subject
    session: str
    authenticated_at: datetime
    absolute_end: datetime
    idle_end: datetime | None
    last_used_at: datetime
    shown: bool = False
    renewed: bool = False
    proof: ProofMethod = ProofMethod.PASSWORD


class CachedSession(NamedTuple):
    """A session and the generation of the journal before its row was read."""

    state: SessionState
    generation: int


class SessionCache:
    """A bounded cache in two halves. When the newer half is full, it replaces the older one.

    So no entry has to be searched for to drop it, and entries in use stay.

    Args:
        bound: how many sessions it holds at most.
    """

    def __init__(self, bound: int) -> None:
        self._half = max(1, bound // 2)
        self._newer: dict[str, CachedSession] = {}
        self._older: dict[str, CachedSession] = {}

    def __len__(self) -> int:
        """Return how many sessions it holds; one that is in both halves counts twice."""
        return len(self._newer) + len(self._older)

    def find(self, key: str) -> CachedSession | None:
        """Return a session by the id or the digest of its token, or None."""
        found = self._newer.get(key)
        if found is None and (found := self._older.get(key)) is not None:
            self.keep(key, found)
        return found

    def keep(self, key: str, cached: CachedSession) -> None:
        """Add a session."""
        newer = self._newer
        if len(newer) >= self._half:
            self._older = newer
            self._newer = newer = {}
        newer[key] = cached

    def forget(self, key: str) -> None:
        """Have the next check read the row again."""
        self._newer.pop(key, None)
        self._older.pop(key, None)
