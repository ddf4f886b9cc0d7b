"""The validity of signing keys.

Every node knows a key before it signs, and accepts it until everything that it signed has expired.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

GRACE_MIN_SECONDS: Final = 3  # nodes check the files every second and cache keys for less
# Clocks of nodes differ by seconds, and a request that began with the old key may end with it.
_MARGIN: Final = timedelta(minutes=1)


class KeyUse(StrEnum):
    """What a key signs."""

    TOKENS = "access tokens and mails"
    JWTS = "JWTs"


class KeyState(StrEnum):
    """What a key is used for at a given time."""

    PENDING = "pending: accepted, does not sign yet"
    SIGNING = "signing"
    VERIFY_ONLY = "verify-only: accepted, no longer signs"
    RETIRED = "retired: not accepted"


@dataclass(frozen=True, slots=True)
class KeyValidity:
    """The times that limit a key, as aware UTC; None means no limit."""

    created: datetime | None = None
    signs_from: datetime | None = None
    accepted_until: datetime | None = None

    def accepted(self, now: datetime) -> bool:
        """Tell whether signatures of the key are accepted."""
        return self.accepted_until is None or now < self.accepted_until

    def ready(self, now: datetime) -> bool:
        """Tell whether the key may sign already."""
        return self.signs_from is None or self.signs_from <= now


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key with a name that does not reveal it, and its validity."""

    name: str
    secret: str = field(repr=False)
    times: KeyValidity = KeyValidity()


@dataclass(frozen=True, slots=True)
class KeyView:
    """What operators see of a key; without the secret."""

    name: str
    use: KeyUse
    state: KeyState
    times: KeyValidity


def active_keys(keys: Sequence[SigningKey], now: datetime) -> tuple[SigningKey, ...]:
    """Return the accepted ones of `keys` (oldest first), with the signing key last.

    The newest key that may sign is the signing key. If none may sign yet, it is the oldest.
    """
    accepted = [key for key in keys if key.times.accepted(now)]
    signing = next((key for key in reversed(accepted) if key.times.ready(now)), accepted[0])
    return (*(key for key in accepted if key is not signing), signing)


def next_change(keys: Iterable[SigningKey], now: datetime) -> datetime | None:
    """Return the earliest time at which `active_keys` may change, or None for never."""
    times = (time for key in keys for time in (key.times.signs_from, key.times.accepted_until))
    return min((time for time in times if time is not None and time > now), default=None)


def rotated(
    keys: Sequence[SigningKey],
    new: SigningKey,
    *,
    now: datetime,
    grace: timedelta,
    lifetime: timedelta,
) -> tuple[SigningKey, ...]:
    """Return the keys after a rotation, oldest first.

    Args:
        keys: the keys before it; retired ones are dropped.
        new: the key to add.
        now: when the new key is published.
        grace: how long the new key is pending, so that every node and verifier knows it first.
        lifetime: the longest lifetime of anything that the keys sign.
    """
    begin = now + grace
    end = begin + lifetime + _MARGIN
    ended = (
        replace(key, times=replace(key.times, accepted_until=key.times.accepted_until or end))
        for key in keys
    )
    return (
        *(key for key in ended if key.times.accepted(now)),
        replace(new, times=KeyValidity(now, begin)),
    )


def replaced(new: SigningKey, now: datetime) -> tuple[SigningKey, ...]:
    """Return the only key after a leak: all older keys are retired."""
    return (replace(new, times=KeyValidity(now, now)),)


def listed_keys(keys: Sequence[SigningKey], use: KeyUse, now: datetime) -> tuple[KeyView, ...]:
    """Return the views of `keys`, in the same order."""
    signing = active_keys(keys, now)[-1]
    return tuple(KeyView(key.name, use, _state(key, signing, now), key.times) for key in keys)


def _state(key: SigningKey, signing: SigningKey, now: datetime) -> KeyState:
    if key is signing:
        return KeyState.SIGNING
    if not key.times.accepted(now):
        return KeyState.RETIRED
    return KeyState.VERIFY_ONLY if key.times.ready(now) else KeyState.PENDING
