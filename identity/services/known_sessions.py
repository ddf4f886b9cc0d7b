"""What is remembered of live sessions: many in few bytes each, the latest as they are used."""

from __future__ import annotations

import marshal
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from identity.domain.principal import Subject

_AT_HAND: Final = 4096


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A live session and its account at one moment."""

    subject: Subject
    session: str
    authenticated_at: datetime
    absolute_end: datetime
    idle_end: datetime | None
    last_used_at: datetime

    def over(self, now: datetime) -> bool:
        """Tell whether time has ended it."""
        return self.absolute_end <= now or (self.idle_end is not None and self.idle_end <= now)


class KnownSessions:
    """A bounded memory of live sessions, forgotten account by account.

    All are kept packed, in a fifth of the memory; those used lately are at hand too, in a tenth of the time.
    """

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._lock = threading.Lock()
        self._at_hand: dict[str, Snapshot] = {}
        self._packed: dict[str, bytes] = {}
        self._of_account: dict[int, str | set[str]] = {}  # mostly one: a set of one would outweigh all the rest
        self.generation = 0

    def __len__(self) -> int:
        """Return how many are remembered."""
        return len(self._packed)

    def find(self, key: str) -> Snapshot | None:
        """Return what is remembered of a session."""
        return self._at_hand.get(key) or self._unpack(key)

    def _unpack(self, key: str) -> Snapshot | None:
        with self._lock:
            packed = self._packed.get(key)
            return None if packed is None else self._hand(key, _unpacked(packed))

    def _hand(self, key: str, snapshot: Snapshot) -> Snapshot:
        if len(self._at_hand) >= _AT_HAND:
            self._at_hand.clear()
        self._at_hand[key] = snapshot
        return snapshot

    def keep(self, key: str, snapshot: Snapshot, *, generation: int) -> None:
        """Remember a session, unless anything was forgotten since `generation`.

        A row read before a change and kept after it would never be forgotten again.
        """
        with self._lock:
            if generation != self.generation:
                return
            if len(self._packed) >= self._bound:
                self._drop(next(iter(self._packed)))
            self._packed[key] = _packed(snapshot)
            self._hand(key, snapshot)
            self._file(snapshot.subject.id, key)

    def forget(self, account_id: int | None) -> None:
        """Forget the sessions of one account, or with None those of all."""
        with self._lock:
            self.generation += 1
            if account_id is None:
                self._at_hand.clear()
                self._packed.clear()
                self._of_account.clear()
                return
            keys = self._of_account.pop(account_id, ())
            for key in (keys,) if isinstance(keys, str) else keys:
                self._at_hand.pop(key, None)
                self._packed.pop(key, None)

    def _file(self, account_id: int, key: str) -> None:
        known = self._of_account.setdefault(account_id, key)
        if isinstance(known, set):
            known.add(key)
        elif known != key:
            self._of_account[account_id] = {known, key}

    def _drop(self, key: str) -> None:
        account_id = _unpacked(self._packed.pop(key)).subject.id
        self._at_hand.pop(key, None)
        keys = self._of_account.get(account_id)
        if isinstance(keys, set) and len(keys) > 1:
            keys.discard(key)
        else:
            self._of_account.pop(account_id, None)


def _packed(snapshot: Snapshot) -> bytes:
    who, idle = snapshot.subject, snapshot.idle_end
    words = (who.id, who.username, who.admin, who.version, who.uuid, who.short_id, snapshot.session)
    moments = (snapshot.authenticated_at, snapshot.absolute_end, snapshot.last_used_at, *([idle] if idle else []))
    return marshal.dumps((*words, *(moment.timestamp() for moment in moments)))


def _unpacked(packed: bytes) -> Snapshot:
    # Bytes that this process has made; nothing from outside is ever read so.
    account_id, username, admin, version, uuid, short_id, session, *seconds = marshal.loads(packed)  # noqa: S302
    authenticated_at, absolute_end, last_used_at, *idle = (datetime.fromtimestamp(each, UTC) for each in seconds)
    return Snapshot(
        subject=Subject(account_id, username, admin=admin, version=version, uuid=uuid, short_id=short_id),
        session=session,
        authenticated_at=authenticated_at,
        absolute_end=absolute_end,
        idle_end=idle[0] if idle else None,
        last_used_at=last_used_at,
    )
