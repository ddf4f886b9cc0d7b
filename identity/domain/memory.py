"""A bounded memory of what was proven once and cannot become false: that a signature is genuine."""

from __future__ import annotations

from typing import Final, Generic, TypeVar

Proven = TypeVar("Proven")

_BOUND: Final = 10_000


class Remembered(Generic[Proven]):
    """What genuine tokens say, by the whole token in its one spelling.

    Only what was verified is kept, so nobody without a key fills it; when it is full it begins anew.
    """

    def __init__(self, *, bound: int = _BOUND) -> None:
        self._bound = bound
        self._known: dict[str, Proven] = {}
        self.find = self._known.get

    def keep(self, token: str, said: Proven) -> Proven:
        """Remember and return what a genuine token says."""
        if len(self._known) >= self._bound:
            self._known.clear()
        self._known[token] = said
        return said
