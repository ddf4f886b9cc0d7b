"""Whether nodes accept each other's signatures, and which nodes have the wrong keys if not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from identity.domain.keys import KeyUse, SigningKey, active_keys


@dataclass(frozen=True, slots=True)
class KeyNames:
    """The names of a node's signing and accepted keys. A name does not reveal its key."""

    signing: frozenset[str]
    accepted: frozenset[str]

    @staticmethod
    def of(keys: Mapping[KeyUse, Sequence[SigningKey]], now: datetime) -> KeyNames:
        """Return the names of the keys that are active now."""
        accepted = {
            use: [f"{use.name.lower()}/{key.name}" for key in active_keys(own, now)]
            for use, own in keys.items()
        }
        return KeyNames(
            frozenset(names[-1] for names in accepted.values()),
            frozenset(name for names in accepted.values() for name in names),
        )

    def agrees(self, other: KeyNames) -> bool:
        """Tell whether each accepts the other's signatures, for the kinds that both sign."""
        return self._accepted_by(other) and other._accepted_by(self)

    def _accepted_by(self, other: KeyNames) -> bool:
        kinds = {_kind(name) for name in other.signing}
        return all(name in other.accepted for name in self.signing if _kind(name) in kinds)


def _kind(name: str) -> str:
    return name.partition("/")[0]


def agreeing(nodes: Iterable[KeyNames]) -> list[KeyNames]:
    """Return the nodes that agree with all earlier nodes in the result.

    `nodes` are in the order in which their keys appeared. A node that came later with different
    keys is left out, so that the nodes after it are not compared with it.
    """
    agreed: list[KeyNames] = []
    for node in nodes:
        if all(node.agrees(other) for other in agreed):
            agreed.append(node)
    return agreed
