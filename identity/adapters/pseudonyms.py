"""What the audit trail keeps of a name that no account has: two letters and a keyed digest.

Such a name may be a password that was typed into the wrong field. The digest tells equal names from others, and
whether a name that is asked for is meant; without the key no guess can be tested against it.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from typing import Final

from identity.domain.values import canonical

_PURPOSE: Final = b"identity: names of the audit trail"
_LETTERS: Final = 2
_DIGITS: Final = 24  # 96 bits; with the letters and the mark as long as the column at most


def derive_keys(secret_keys: tuple[str, ...]) -> tuple[bytes, ...]:
    """Return the keys for pseudonyms, one for each signing key, so that neither tells the other."""
    return tuple(hmac.digest(key.encode(), _PURPOSE, hashlib.sha256) for key in secret_keys)


class KeyedPseudonyms:
    """Makes pseudonyms.

    Args:
        current: returns the keys that count now, the one to use last.
    """

    def __init__(self, current: Callable[[], tuple[bytes, ...]]) -> None:
        self._current = current

    def of(self, name: str) -> str:
        """Return the pseudonym of a name; no account can be called so."""
        return _pseudonym(name, self._current()[-1])

    def known(self, name: str) -> tuple[str, ...]:
        """Return every pseudonym that the name may have in the trail, by the keys that are still accepted."""
        return tuple(_pseudonym(name, key) for key in self._current())


def _pseudonym(name: str, key: bytes) -> str:
    folded = canonical(name)
    digest = hmac.digest(key, folded.encode("utf-8", "surrogatepass"), hashlib.sha256).hex()
    return f"{folded[:_LETTERS]}*{digest[:_DIGITS]}"
