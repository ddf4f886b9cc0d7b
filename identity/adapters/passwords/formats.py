"""Which forms of stored hashes there are, so that a wrong password costs a check of each, whoever it is for.

Else its time would tell accounts that came with another system's hash, or ours of another cost, from names nobody has.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

_BCRYPT: Final = re.compile(r"(?:^|\$)\$2[aby]\$")
_MOST_SECONDS: Final = (
    0.25  # of a processor, for all that were met: what is beyond may tell, and wears nothing out
)


class HashFormats:
    """The forms met so far, each with one hash to check in vain; to be used by one thread.

    Args:
        own: a hash of the form in which new ones are made.
    """

    def __init__(self, own: str) -> None:
        self._examples = {format_of(own): own}
        self._seconds = 0.0

    def observe(self, stored: str, *, seconds: float) -> None:
        """Learn the form of a hash that was just checked, and took so long."""
        form = format_of(stored)
        if form not in self._examples and self._seconds + seconds <= _MOST_SECONDS:
            self._examples[form] = stored
            self._seconds += seconds

    def others(self, stored: str) -> Sequence[str]:
        """Return a hash of every form but that of `stored`."""
        form = format_of(stored)
        return [example for known, example in self._examples.items() if known != form]


def format_of(stored: str) -> str:
    """Return what a hash says of method and cost, without its salt and digest."""
    parts = stored.split("$")
    if _BCRYPT.search(stored):  # it writes salt and digest as one
        return "$".join(parts[:-1])
    if stored.startswith("scrypt$"):  # Django has the salt in the middle
        return "$".join(parts[:2] + parts[3:-1])
    return "$".join(parts[:-2])
