"""Checks whether imported password hashes can be verified."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from identity.services.work.transaction import Transactions
from identity.store.models import ACCOUNTS

_BATCH_SIZE: Final = 1000
_NO_PASSWORD: Final = ("!", "*")  # marks of Django and /etc/shadow for no password


class ImportedHashes:
    """Checks all stored password hashes, for the operator who imported them.

    Args:
        transactions: reads accounts.
        can_verify: tells whether the format and the cost of a hash are supported.
    """

    def __init__(self, transactions: Transactions, *, can_verify: Callable[[str], bool]) -> None:
        self._transactions = transactions
        self._can_verify = can_verify

    def unverifiable(self) -> int:
        """Return how many accounts have a password hash that no login can match."""
        return self._transactions.read(self._count)

    def _count(self, session: Session) -> int:
        query = select(ACCOUNTS.c.password_hash).execution_options(yield_per=_BATCH_SIZE)
        hashes = session.scalars(query)
        return sum(1 for password_hash in hashes if not self._is_sound(password_hash))

    def _is_sound(self, password_hash: str) -> bool:
        if not password_hash or password_hash.startswith(_NO_PASSWORD):
            return True
        return self._can_verify(password_hash)
