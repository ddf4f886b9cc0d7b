"""Bounded memories: of what was proven once and cannot become false, and of what happened last."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final, Generic, TypeVar

Proven = TypeVar("Proven")
Key = TypeVar("Key", bound=Hashable)
Kept = TypeVar("Kept")

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


def keep_latest(known: dict[Key, Kept], key: Key, kept: Kept, *, bound: int) -> None:
    """Keep something as the newest of at most `bound`; the oldest gives way. Callers take turns."""
    known.pop(key, None)
    while len(known) >= bound:
        del known[next(iter(known))]
    known[key] = kept
