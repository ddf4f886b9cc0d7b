"""The times of signing keys: known everywhere before the first signature, kept until the last one's life is over."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

GRACE_MIN_SECONDS: Final = 3  # nodes look every second, and what is published is kept for less
# Clocks of nodes differ by seconds, and a request that began with the old key may end with it.
_MARGIN: Final = timedelta(minutes=1)


class KeyUse(StrEnum):
    """What a key signs."""

    TOKENS = "access tokens and mails"
    JWTS = "JWTs"


class KeyState(StrEnum):
    """What a key is good for at one moment."""

    PENDING = "pending: accepted, signs later"
    SIGNING = "signs"
    VERIFY_ONLY = "verify-only: accepted, signs no more"
    RETIRED = "retired: refused"


@dataclass(frozen=True, slots=True)
class KeyValidity:
    """Aware UTC; a time that is not given does not limit the key."""

    created: datetime | None = None
    signs_from: datetime | None = None
    accepted_until: datetime | None = None

    def accepted(self, now: datetime) -> bool:
        """Tell whether signatures of the key count."""
        return self.accepted_until is None or now < self.accepted_until

    def ready(self, now: datetime) -> bool:
        """Tell whether the key may sign as far as its beginning goes."""
        return self.signs_from is None or self.signs_from <= now


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key, how it is called without telling it, and its times."""

    name: str
    secret: str = field(repr=False)
    times: KeyValidity = KeyValidity()


@dataclass(frozen=True, slots=True)
class KeyView:
    """A key for people, without the key."""

    name: str
    use: KeyUse
    state: KeyState
    times: KeyValidity


def active_keys(keys: Sequence[SigningKey], now: datetime) -> tuple[SigningKey, ...]:
    """Return the accepted ones of `keys`, which come oldest first, with the one that signs last.

    The newest that may sign does. Before any may, the oldest does: somebody has to.
    """
    accepted = [key for key in keys if key.times.accepted(now)]
    signing = next((key for key in reversed(accepted) if key.times.ready(now)), accepted[0])
    return (*(key for key in accepted if key is not signing), signing)


def next_change(keys: Iterable[SigningKey], now: datetime) -> datetime | None:
    """Return when `active_keys` answers otherwise at the earliest; None for never."""
    times = (time for key in keys for time in (key.times.signs_from, key.times.accepted_until))
    return min((time for time in times if time is not None and time > now), default=None)


def rotated(
    keys: Sequence[SigningKey], new: SigningKey, *, now: datetime, grace: timedelta, life: timedelta
) -> tuple[SigningKey, ...]:
    """Return the keys of a rotation, oldest first.

    Args:
        keys: those before it; what is out already goes.
        new: their successor.
        now: when it becomes known.
        grace: how long it is only known, so that everybody has heard of it before it signs.
        life: the longest life of anything that the keys sign.
    """
    begin = now + grace
    end = begin + life + _MARGIN
    ended = (
        replace(key, times=replace(key.times, accepted_until=key.times.accepted_until or end))
        for key in keys
    )
    return (
        *(key for key in ended if key.times.accepted(now)),
        replace(new, times=KeyValidity(now, begin)),
    )


def replaced(new: SigningKey, now: datetime) -> tuple[SigningKey, ...]:
    """Return the only key after one that was leaked: nothing older counts any more."""
    return (replace(new, times=KeyValidity(now, now)),)


def listed_keys(keys: Sequence[SigningKey], use: KeyUse, now: datetime) -> tuple[KeyView, ...]:
    """Return `keys` for people, in their order."""
    signing = active_keys(keys, now)[-1]
    return tuple(KeyView(key.name, use, _state(key, signing, now), key.times) for key in keys)


def _state(key: SigningKey, signing: SigningKey, now: datetime) -> KeyState:
    if key is signing:
        return KeyState.SIGNING
    if not key.times.accepted(now):
        return KeyState.RETIRED
    return KeyState.VERIFY_ONLY if key.times.ready(now) else KeyState.PENDING
