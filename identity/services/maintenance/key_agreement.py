"""Compares the signing keys of all nodes.

Each node records the ids of its keys in the database, so that a node with other keys is detected
before its tokens fail.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from sqlalchemy import Engine

from identity.domain.errors import KeysDiffer
from identity.domain.key_agreement import KeyNames, agreeing
from identity.domain.keys import KeyUse
from identity.domain.ports import Clock, Identifiers, KeySource
from identity.services.work.database_errors import translated
from identity.services.work.transaction import Transactions
from identity.store import nodes
from identity.store.boottime import boottime

_log = logging.getLogger("identity.keys")
_RETRY_AFTER: Final = timedelta(seconds=30)
BEAT_SECONDS: Final = 5.0
_ALIVE_SECONDS: Final = 30  # a node that was not seen for longer has ended
_DISTRIBUTION_SECONDS: Final = 60.0  # how long changed keys may take to reach all nodes


class KeyAgreement:
    """Records the keys of this node, and compares them with those of the others.

    Args:
        engine: of the database.
        transactions: reads the records of the nodes.
        sources: of the keys, by use.
        clock: the time, which decides the state of a key.
        identifiers: makes the id of this process.
    """

    def __init__(
        self,
        engine: Engine,
        transactions: Transactions,
        *,
        sources: Mapping[KeyUse, KeySource],
        clock: Clock,
        identifiers: Identifiers,
    ) -> None:
        self._engine = engine
        self._transactions = transactions
        self._sources = sources
        self._clock = clock
        self._id = identifiers.session_id()
        self._recording = True
        self._lock = threading.Lock()
        self._recorded: KeyNames | None = None
        self._recorded_at = 0.0
        self._agreed = False
        self._differs_since: float | None = None

    def observe(self) -> None:
        """Only compare from now on, because another process records the keys of this node.

        The keys are read now, so that a file that becomes unreadable later has no effect.
        """
        self._recording = False
        self._own()

    def leave(self) -> None:
        """Remove the record of this process, which is about to exit.

        Raises:
            Unavailable: the database does not answer.
        """
        self._recording = False
        if self._recorded is not None:
            with translated():
                nodes.remove(self._engine, self._id)

    def require(self) -> None:
        """Require that this node and those that started earlier can verify each other's signatures.

        Keys that change while the service runs have a minute to reach all nodes.

        Raises:
            KeysDiffer: the keys differ.
            Unavailable: the database does not answer.
        """
        with self._lock:
            own = self._own()
            self._record(own)
            others = self._earlier_nodes()
            if all(own.agrees(other) for other in others):
                self._agreed = True
                self._differs_since = None
                return
            self._report_difference(own, others)
            if self._agreed and boottime() - (self._differs_since or 0.0) < _DISTRIBUTION_SECONDS:
                return
        raise KeysDiffer(_RETRY_AFTER)

    def _report_difference(self, own: KeyNames, others: list[KeyNames]) -> None:
        if self._differs_since is not None:
            return
        self._differs_since = boottime()
        theirs = frozenset[str]().union(*(other.signing for other in others))
        _log.warning(
            "signing keys differ from those of nodes that started earlier: "
            "this node signs with %s, they sign with %s",
            _joined(own.signing),
            _joined(theirs),
        )

    def _own(self) -> KeyNames:
        return KeyNames.of(
            {use: source.load_keys() for use, source in self._sources.items()}, self._clock.now()
        )

    def _record(self, own: KeyNames) -> None:
        if not self._recording or (
            own == self._recorded and boottime() - self._recorded_at < BEAT_SECONDS
        ):
            return
        with translated():
            nodes.record(
                self._engine,
                node_id=self._id,
                signing=_joined(own.signing),
                accepted=_joined(own.accepted),
            )
        self._recorded = own
        self._recorded_at = boottime()

    def _earlier_nodes(self) -> list[KeyNames]:
        query = nodes.seen_within(self._engine, _ALIVE_SECONDS)
        rows = self._transactions.read(lambda session: session.execute(query).all())
        earlier = []
        for node_id, signing, accepted in rows:
            if node_id == self._id:
                break
            earlier.append(KeyNames(frozenset(signing.split()), frozenset(accepted.split())))
        return agreeing(earlier)


def _joined(names: frozenset[str]) -> str:
    return " ".join(sorted(names))
