"""The username that stands beside a token in a Basic credential: anything but the name of another account."""

from __future__ import annotations

import threading
import time
from typing import Final

from identity.caching import put_bounded
from identity.domain.errors import Unauthenticated
from identity.domain.principal import Subject
from identity.services.authentication.identifiers import IdentifierType, find_candidate
from identity.services.work.transaction import Transactions

_LOGIN_MAX: Final = 255
_SECONDS: Final = 1.0  # as long as any other change takes to be known everywhere
_BOUND: Final = 4096


class TokenUsernames:
    """Refuses another account's name, because the log of a proxy shows the username and would name that account.

    That a name is no other account's is remembered for a second: clients send the same word with each request.
    """

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions
        self._fine_until: dict[tuple[int, str], float] = {}
        self._lock = threading.Lock()

    def require_no_other(self, owner: Subject, username: str) -> None:
        """Let a username pass that is the owner's or no account's.

        Asked only about the owner of a good token: what a bad one is refused with tells of no account.

        Raises:
            Unauthenticated: another account has this name, or this confirmed email.
        """
        known = owner.id, username[:_LOGIN_MAX]
        if self._fine_until.get(known, 0.0) > time.monotonic():
            return
        named = self._transactions.read(
            lambda session: find_candidate(session, known[1], IdentifierType.LOGIN)
        )
        if named.exists and named.subject.id != owner.id:
            raise Unauthenticated
        with self._lock:
            put_bounded(self._fine_until, known, time.monotonic() + _SECONDS, bound=_BOUND)
