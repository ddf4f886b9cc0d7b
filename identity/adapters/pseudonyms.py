"""Pseudonyms in the audit log for names that no account has: two characters and a keyed digest.

Such a name may be a password that was typed into the wrong field. With the digest, equal names can
be recognised and events found by name; without the key no guess can be tested against it.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from identity.adapters.keys.ring import KeyRing, WatchedKeys
from identity.domain.ports import Clock
from identity.domain.values import canonical

# Part of the digests, so it must not change with the wording elsewhere.
_PURPOSE: Final = b"identity: names of the audit trail"
_PREFIX: Final = 2
_DIGITS: Final = 24  # 96 bits


class KeyedPseudonyms:
    """Makes pseudonyms.

    Args:
        source: of the signing keys, from which the keys for pseudonyms are derived.
        clock: the time.
    """

    def __init__(self, source: WatchedKeys, clock: Clock) -> None:
        self._current = KeyRing(source, _derive_keys, clock).current

    def of(self, name: str) -> str:
        """Return the pseudonym of a name; it is never a valid username."""
        return _pseudonym(name, self._current()[-1])

    def known(self, name: str) -> tuple[str, ...]:
        """Return every pseudonym under which the name may be recorded, for all accepted keys."""
        return tuple(_pseudonym(name, key) for key in self._current())


def _derive_keys(secret_keys: tuple[str, ...]) -> tuple[bytes, ...]:
    # One for each signing key; neither reveals the other.
    return tuple(hmac.digest(key.encode(), _PURPOSE, hashlib.sha256) for key in secret_keys)


def _pseudonym(name: str, key: bytes) -> str:
    folded = canonical(name)
    digest = hmac.digest(key, folded.encode("utf-8", "surrogatepass"), hashlib.sha256).hex()
    return f"{folded[:_PREFIX]}*{digest[:_DIGITS]}"
