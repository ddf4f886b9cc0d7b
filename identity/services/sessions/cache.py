"""What is remembered of live sessions: many in few bytes each, the latest as they are used."""

from __future__ import annotations

import marshal
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from identity.domain.credentials import ProofMethod
from identity.domain.principal import Subject

_AT_HAND: Final = 4096
_IN_A_DRAWER: Final = 8

Key = bytes | str  # of a session: its name or the digest of its token, short where it can be


@dataclass(frozen=True, slots=True)
class SessionState:
    """A live session and its account at one moment; whether a token of it was shown and renewed before."""

    subject: Subject
    session: str
    authenticated_at: datetime
    absolute_end: datetime
    idle_end: datetime | None
    last_used_at: datetime
    shown: bool = False
    renewed: bool = False
    proof: ProofMethod = ProofMethod.PASSWORD


class SessionCache:
    """A bounded memory of live sessions, forgotten account by account.

    All are kept packed, in a fifth of the memory; those used lately are at hand too, in a tenth of the time.
    """

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._lock = threading.Lock()
        self._at_hand: dict[str, SessionState] = {}
        self._packed: dict[Key, bytes] = {}
        # The keys of several accounts together: an object for each account would outweigh what it finds.
        self._drawers: list[tuple[Key, ...]] = [()] * (bound // _IN_A_DRAWER + 1)
        self.generation = 0

    def __len__(self) -> int:
        """Return how many are remembered."""
        return len(self._packed)

    def find(self, key: str) -> SessionState | None:
        """Return what is remembered of a session."""
        return self._at_hand.get(key) or self._unpack(key)

    def _unpack(self, key: str) -> SessionState | None:
        with self._lock:
            packed = self._packed.get(_short(key))
            return None if packed is None else self._hand(key, _unpacked(key, packed))

    def _hand(self, key: str, snapshot: SessionState) -> SessionState:
        if len(self._at_hand) >= _AT_HAND:
            self._at_hand.clear()
        self._at_hand[key] = snapshot
        return snapshot

    def keep(self, key: str, snapshot: SessionState, *, generation: int) -> None:
        """Remember a session, unless anything was forgotten since `generation`.

        A row read before a change and kept after it would never be forgotten again.
        """
        with self._lock:
            if generation != self.generation:
                return
            if len(self._packed) >= self._bound:
                self._drop(next(iter(self._packed)))
            short, place = _short(key), self._place(snapshot.subject.id)
            if short not in self._packed:
                self._drawers[place] += (short,)
            self._packed[short] = _packed(key, snapshot)
            self._hand(key, snapshot)

    def forget(self, account_id: int | None) -> None:
        """Forget the sessions of one account, or with None those of all."""
        with self._lock:
            self.generation += 1
            if account_id is None:
                self._at_hand.clear()
                self._packed.clear()
                self._drawers = [()] * len(self._drawers)
                return
            for key in self._drawers[self._place(account_id)]:
                if _owner(self._packed[key]) == account_id:
                    self._drop(key)

    def forget_one(self, key: str) -> None:
        """Forget one session of which something was noted that ends nothing."""
        with self._lock:
            if (short := _short(key)) in self._packed:
                self._drop(short)

    def _place(self, account_id: int) -> int:
        return account_id % len(self._drawers)

    def _drop(self, key: Key) -> None:
        place = self._place(_owner(self._packed.pop(key)))
        self._drawers[place] = tuple(each for each in self._drawers[place] if each != key)
        self._at_hand.pop(key if isinstance(key, str) else key.hex(), None)


def _short(text: str) -> Key:
    """Return the bytes that hexadecimal digits spell, and any other text as it is: no two texts become one."""
    try:
        short = bytes.fromhex(text)
    except ValueError:
        return text
    return short if short.hex() == text else text


def _short_uuid(text: str) -> Key:
    short = _short(text.replace("-", ""))
    return short if isinstance(short, bytes) and _uuid(short) == text else text


def _uuid(short: Key) -> str:
    if isinstance(short, str):
        return short
    digits = short.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _packed(key: str, snapshot: SessionState) -> bytes:
    who, idle = snapshot.subject, snapshot.idle_end
    session = None if snapshot.session == key else _short(snapshot.session)
    words = (
        who.id,
        who.username,
        who.admin,
        who.version,
        _short_uuid(who.uuid),
        who.short_id,
        session,
    )
    use = (snapshot.shown, snapshot.renewed, snapshot.proof.value)
    moments = (
        snapshot.authenticated_at,
        snapshot.absolute_end,
        snapshot.last_used_at,
        *([idle] if idle else []),
    )
    return marshal.dumps((*words, *use, *(moment.timestamp() for moment in moments)))


def _owner(packed: bytes) -> int:
    account_id: int = marshal.loads(packed)[0]  # noqa: S302 - see `_unpacked`
    return account_id


def _unpacked(key: str, packed: bytes) -> SessionState:
    # Bytes that this process has made; nothing from outside is ever read so.
    (
        account_id,
        username,
        admin,
        version,
        uuid,
        short_id,
        session,
        shown,
        renewed,
        proof,
        *seconds,
    ) = marshal.loads(packed)  # noqa: S302 - see above
    authenticated_at, absolute_end, last_used_at, *idle = (
        datetime.fromtimestamp(each, UTC) for each in seconds
    )
    return SessionState(
        subject=Subject(
            account_id, username, admin=admin, version=version, uuid=_uuid(uuid), short_id=short_id
        ),
        session=key
        if session is None
        else session.hex()
        if isinstance(session, bytes)
        else session,
        authenticated_at=authenticated_at,
        absolute_end=absolute_end,
        idle_end=idle[0] if idle else None,
        last_used_at=last_used_at,
        shown=shown,
        renewed=renewed,
        proof=ProofMethod(proof),
    )
