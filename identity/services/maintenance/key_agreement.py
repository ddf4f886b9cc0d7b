"""The names of every node's keys stand in the database: a node with other keys is found before its tokens fail."""

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
from identity.services.work.transaction import Transactions, translated
from identity.store import nodes
from identity.store.boottime import boottime

_log = logging.getLogger("identity.keys")
_RETRY_AFTER: Final = timedelta(seconds=30)
BEAT_SECONDS: Final = 5.0
_ALIVE_SECONDS: Final = 30  # a node that was not seen for so long has ended
_ARRIVAL_SECONDS: Final = (
    60.0  # so long keys that are changed under running nodes may take to be everywhere
)


class KeyAgreement:
    """Tells the other nodes which keys this one has, and whether they fit.

    Args:
        engine: of the database.
        transactions: how rows are read.
        sources: of the keys, by what they sign.
        clock: the time by which keys count.
        identifiers: makes this process's name.
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
        self._tells = True
        self._turn = threading.Lock()
        self._told: KeyNames | None = None
        self._told_at = 0.0
        self._agreed = False
        self._differs_since: float | None = None

    def observe(self) -> None:
        """Only compare from now on: another process tells the others which keys this node has.

        The keys are read, so that a file that cannot be read later changes nothing.
        """
        self._tells = False
        self._own()

    def leave(self) -> None:
        """Have the others forget this process, which ends.

        Raises:
            Unavailable: the database does not answer.
        """
        self._tells = False
        if self._told is not None:
            with translated():
                nodes.remove(self._engine, self._id)

    def require(self) -> None:
        """Make sure that this node and those that were here first can read what the other signs.

        Keys that change while this runs have a minute to arrive everywhere.

        Raises:
            KeysDiffer: they cannot.
            Unavailable: the database does not answer.
        """
        with self._turn:
            own = self._own()
            self._tell(own)
            others = self._before_us()
            if all(own.agrees(other) for other in others):
                self._agreed, self._differs_since = True, None
                return
            self._complain(own, others)
            if self._agreed and boottime() - (self._differs_since or 0.0) < _ARRIVAL_SECONDS:
                return
        raise KeysDiffer(_RETRY_AFTER)

    def _complain(self, own: KeyNames, others: list[KeyNames]) -> None:
        if self._differs_since is not None:
            return
        self._differs_since = boottime()
        theirs = frozenset[str]().union(*(other.signing for other in others))
        words = "the keys of this node are not those of the nodes that were here first: it signs with %s, they with %s"
        _log.warning(words, _words(own.signing), _words(theirs))

    def _own(self) -> KeyNames:
        return KeyNames.of(
            {use: source.load_keys() for use, source in self._sources.items()}, self._clock.now()
        )

    def _tell(self, own: KeyNames) -> None:
        if not self._tells or (own == self._told and boottime() - self._told_at < BEAT_SECONDS):
            return
        with translated():
            nodes.record(
                self._engine,
                node_id=self._id,
                signing=_words(own.signing),
                accepted=_words(own.accepted),
            )
        self._told, self._told_at = own, boottime()

    def _before_us(self) -> list[KeyNames]:
        query = nodes.seen_within(self._engine, _ALIVE_SECONDS)
        before = []
        for node_id, signing, accepted in self._transactions.read(
            lambda session: session.execute(query).all()
        ):
            if node_id == self._id:
                break
            before.append(KeyNames(frozenset(signing.split()), frozenset(accepted.split())))
        return agreeing(before)


def _words(names: frozenset[str]) -> str:
    return " ".join(sorted(names))
