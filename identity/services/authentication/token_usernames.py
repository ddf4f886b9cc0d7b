"""Refuses a token in a Basic credential whose username is that of another account."""

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
_SECONDS: Final = 1.0  # as long as other changes take to reach all nodes
_BOUND: Final = 4096


class TokenUsernames:
    """Checks that the username beside a token is not that of another account.

    The log of a proxy shows the username, and would name the other account. A positive result is
    remembered for a second, because clients send the same word with each request.

    Args:
        transactions: reads accounts.
    """

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions
        self._allowed_until: dict[tuple[int, str], float] = {}
        self._lock = threading.Lock()

    def require_no_other(self, owner: Subject, username: str) -> None:
        """Require a username that is the owner's or no account's.

        It is only checked for a valid token, so that an invalid one reveals nothing about accounts.

        Raises:
            Unauthenticated: another account has this name, or this confirmed email.
        """
        login = username[:_LOGIN_MAX]
        key = owner.id, login
        if self._allowed_until.get(key, 0.0) > time.monotonic():
            return
        candidate = self._transactions.read(
            lambda session: find_candidate(session, login, IdentifierType.LOGIN)
        )
        if candidate.exists and candidate.subject.id != owner.id:
            raise Unauthenticated
        with self._lock:
            put_bounded(self._allowed_until, key, time.monotonic() + _SECONDS, bound=_BOUND)
