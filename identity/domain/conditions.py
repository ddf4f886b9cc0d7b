"""Conditions that a proxy may put on who passes: words in a row, all of which must hold.

What no rule knows never holds, so that a misspelt condition closes the door and does not open it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from identity.domain.principal import Subject
from identity.domain.values import canonical

Condition = Callable[[Subject, Iterator[str]], bool]


def all_met(who: Subject, words: Sequence[str]) -> bool:
    """Tell whether an account meets every condition; a condition takes the words behind it that it needs."""
    rest = iter(words)
    return all(_KNOWN.get(word, _unknown)(who, rest) for word in rest)


def _is_admin(who: Subject, _rest: Iterator[str]) -> bool:
    return who.admin


def _is_called(who: Subject, rest: Iterator[str]) -> bool:
    return canonical(next(rest, "")) == canonical(who.username)


def _unknown(_who: Subject, _rest: Iterator[str]) -> bool:
    return False


_KNOWN: Final[Mapping[str, Condition]] = {"admin": _is_admin, "user": _is_called}
