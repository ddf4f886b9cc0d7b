"""Whether nodes can read what the others sign; and who is wrong where they cannot."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from identity.domain.keys import KeyUse, SigningKey, active_keys


@dataclass(frozen=True, slots=True)
class KeyNames:
    """The names of a node's keys, which do not tell the keys: those that sign, and those whose signatures count."""

    signing: frozenset[str]
    accepted: frozenset[str]

    @staticmethod
    def of(keys: Mapping[KeyUse, Sequence[SigningKey]], now: datetime) -> KeyNames:
        """Return the names of what counts now."""
        accepted = {
            use: [f"{use.name.lower()}/{key.name}" for key in active_keys(own, now)]
            for use, own in keys.items()
        }
        return KeyNames(
            frozenset(names[-1] for names in accepted.values()),
            frozenset(name for names in accepted.values() for name in names),
        )

    def agrees(self, other: KeyNames) -> bool:
        """Tell whether each accepts what the other signs, of the kinds that both sign."""
        return self._known_to(other) and other._known_to(self)

    def _known_to(self, other: KeyNames) -> bool:
        kinds = {_kind(name) for name in other.signing}
        return all(name in other.accepted for name in self.signing if _kind(name) in kinds)


def _kind(name: str) -> str:
    return name.partition("/")[0]


def settled(nodes: Iterable[KeyNames]) -> list[KeyNames]:
    """Return those of `nodes`, which come in the order of their keys' arrival, that agree with all before them.

    A node that came with other keys is the one that is wrong, and must not make those wrong that come after it.
    """
    right: list[KeyNames] = []
    for node in nodes:
        if all(node.agrees(other) for other in right):
            right.append(node)
    return right
