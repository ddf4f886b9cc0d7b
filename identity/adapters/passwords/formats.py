"""The hash formats in use, so that every wrong password can cost a check of each of them.

Otherwise the time of a wrong password would distinguish accounts that have an imported hash, or one
of another cost, from unknown names. See decision 50.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

_BCRYPT: Final = re.compile(r"(?:^|\$)\$2[aby]\$")
# Of processor time, for one hash of each format. Beyond it formats are not added: their accounts
# could be distinguished by time, but wrong passwords do not become more expensive.
_MAX_SECONDS: Final = 0.25


class HashFormats:
    """The formats seen so far, with one example hash of each; for one thread only.

    Args:
        own: a hash in the format of new hashes.
    """

    def __init__(self, own: str) -> None:
        self._examples = {format_of(own): own}
        self._seconds = 0.0

    def observe(self, stored: str, *, seconds: float) -> None:
        """Add the format of a hash whose check took `seconds`, if it is new."""
        hash_format = format_of(stored)
        if hash_format not in self._examples and self._seconds + seconds <= _MAX_SECONDS:
            self._examples[hash_format] = stored
            self._seconds += seconds

    def others(self, stored: str) -> Sequence[str]:
        """Return one hash of every format except that of `stored`."""
        hash_format = format_of(stored)
        return [example for known, example in self._examples.items() if known != hash_format]


def format_of(stored: str) -> str:
    """Return the method and cost of a hash, without its salt and digest."""
    parts = stored.split("$")
    if _BCRYPT.search(stored):  # salt and digest are one part
        return "$".join(parts[:-1])
    if stored.startswith("scrypt$"):  # Django's scrypt has the salt in the middle
        return "$".join(parts[:2] + parts[3:-1])
    return "$".join(parts[:-2])
