"""Conditions of forward authentication: a list of words, all of which the account must meet.

An unknown condition is never met, so that a misspelt one denies access instead of granting it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from identity.domain.principal import Subject
from identity.domain.values import canonical

Condition = Callable[[Subject, Iterator[str]], bool]


def all_met(subject: Subject, words: Sequence[str]) -> bool:
    """Tell whether an account meets every condition; a condition consumes the words it needs."""
    rest = iter(words)
    for word in rest:
        condition = _KNOWN.get(word)
        if condition is None or not condition(subject, rest):
            return False
    return True


def _is_admin(subject: Subject, _rest: Iterator[str]) -> bool:
    return subject.admin


def _is_user(subject: Subject, rest: Iterator[str]) -> bool:
    return canonical(next(rest, "")) == canonical(subject.username)


_KNOWN: Final[Mapping[str, Condition]] = {"admin": _is_admin, "user": _is_user}
