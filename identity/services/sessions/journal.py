"""What ended or changed lately, in memory: tells whether a token or a cached row is still true.

Its size depends on how much ends within the life of an access token, not on how many are logged in.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple, TypeVar

from sqlalchemy import Engine

from identity.domain.claims import AccessClaims
from identity.services.work.transaction import Transactions
from identity.store.feeds import open_feed
from identity.store.journal import Change, Reader

# A token is issued from a row that was read up to a second before, while a change may be committed
# up to a minute after its time (the time limits of transactions), by a node whose clock differs.
SETTLING_SECONDS: Final = 75
# Each such interval in which access tokens are issued leaves an entry. A token of an interval
# without one was issued before the database was set back to an older copy.
ISSUE_SECONDS: Final = 10


class _Latest(NamedTuple):
    """The latest entry: tokens issued up to `settled_at` and rows read before it may be untrue."""

    settled_at: int
    sequence: int


Key = TypeVar("Key", int, str)

_NONE: Final = _Latest(0, 0)


class Journal:
    """Compares tokens and cached rows with the journal.

    Args:
        engine: of the database, which has the journal.
        transactions: reports the entries that this process commits.
        token_life: lifetime of an access token; entries that are older do not matter.
    """

    def __init__(
        self, engine: Engine, transactions: Transactions, *, token_life: timedelta
    ) -> None:
        self._transactions = transactions
        self._kept_seconds = int(token_life.total_seconds()) + SETTLING_SECONDS + ISSUE_SECONDS
        self._lock = threading.Lock()
        # Ordered, because finding the first key of a dict that had others before it is slow.
        self._accounts: OrderedDict[int, _Latest] = OrderedDict()
        self._sessions: OrderedDict[str, _Latest] = OrderedDict()
        self._issued: dict[int, int] = {}
        self._floor = 0
        self.generation = 0
        self._feed = open_feed(engine, Reader(self._add, self._replace, self._since))
        transactions.on_commit(self._committed)

    def is_current(self) -> bool:
        """Tell whether everything that was committed up to now (at most a second ago) is known."""
        return self._feed.is_current()

    def confirms(self, claims: AccessClaims) -> bool:
        """Tell whether the claims of a genuine access token are still true.

        If not, only the row of the session can tell what is.
        """
        issued_at, subject = claims.issued_at, claims.subject
        return (
            subject is not None
            and self._feed.is_current()
            and issued_at // ISSUE_SECONDS in self._issued
            and self._accounts.get(subject.id, _NONE).settled_at < issued_at
            and claims.session not in self._sessions
        )

    def unchanged(self, generation: int, account_id: int, session_id: str) -> bool:
        """Tell whether a row that was read at a `generation` is still true, if this is current."""
        return (
            self._floor <= generation
            and self._accounts.get(account_id, _NONE).sequence <= generation
            and self._sessions.get(session_id, _NONE).sequence <= generation
        )

    def note_issue(self, now: datetime) -> None:
        """Record that access tokens are issued, once for each interval of some seconds.

        Raises:
            Unavailable: the database takes no writes.
        """
        at = int(now.timestamp())
        if at // ISSUE_SECONDS not in self._issued:
            self._transactions.write_unattended(lambda tx: tx.journal(Change(at)))

    def state(self) -> dict[str, float]:
        """Return the metrics of the journal, by name."""
        return {
            "identity_journal_entries": len(self._accounts) + len(self._sessions),
            "identity_feed_age_seconds": self._feed.lag(),
        }

    def close(self) -> None:
        """Stop reading."""
        self._feed.close()

    def _since(self) -> int:
        return int(self._transactions.now().timestamp()) - self._kept_seconds

    def _committed(self, entries: Sequence[Change]) -> None:
        self._add(entries)
        self._feed.notify()

    def _replace(self, entries: Sequence[Change]) -> None:
        with self._lock:
            self.generation += 1
            self._floor = self.generation  # rows that were read before may have changed unnoticed
            self._issued = {}
        self._note_all(entries, noticed_at=0)

    def _add(self, entries: Sequence[Change]) -> None:
        # They were just committed, even if the clock of the node that wrote them is slow.
        self._note_all(entries, noticed_at=int(self._transactions.now().timestamp()))

    def _note_all(self, entries: Sequence[Change], *, noticed_at: int) -> None:
        with self._lock:
            for entry in entries:
                if entry.account is None:
                    self._issued[entry.at // ISSUE_SECONDS] = entry.at
                else:
                    self._note(entry, entry.account, max(entry.at, noticed_at))
            self._drop_expired(self._since())

    def _note(self, entry: Change, account_id: int, at: int) -> None:
        self.generation += 1
        latest = _Latest(at + SETTLING_SECONDS, self.generation)
        if entry.session is not None:
            self._sessions.pop(entry.session, None)
            self._sessions[entry.session] = latest
            return
        known = self._accounts.pop(account_id, _NONE)
        self._accounts[account_id] = latest._replace(
            settled_at=max(known.settled_at, latest.settled_at)
        )

    def _drop_expired(self, since: int) -> None:
        dropped = [_drop_before(since, self._accounts), _drop_before(since, self._sessions)]
        self._floor = max(self._floor, *dropped)
        # Earlier than entries, so that no token is confirmed by a journal that is cut short.
        issued_since = since + SETTLING_SECONDS + ISSUE_SECONDS
        while self._issued and next(iter(self._issued.values())) < issued_since:
            del self._issued[next(iter(self._issued))]


def _drop_before(since: int, known: OrderedDict[Key, _Latest]) -> int:
    """Drop entries that no longer matter; return the sequence number of the latest one.

    Entries are in the order in which they were read, so each is looked at about once.
    """
    sequence = 0
    while known and (latest := known[first := next(iter(known))]).settled_at < since + (
        SETTLING_SECONDS
    ):
        sequence = latest.sequence
        del known[first]
    return sequence
