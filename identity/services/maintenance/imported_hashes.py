"""Password hashes that other systems made, and whether they can be checked here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from identity.services.work.transaction import Transactions
from identity.store.models import ACCOUNTS

_AT_ONCE: Final = 1000
_NO_PASSWORD: Final = ("!", "*")  # how Django and /etc/shadow write that there is none


class ImportedHashes:
    """Looks at all stored hashes, for the operator who imported them.

    Args:
        transactions: the database.
        can_verify: tells whether a hash is of a form and cost that is checked here.
    """

    def __init__(self, transactions: Transactions, *, can_verify: Callable[[str], bool]) -> None:
        self._transactions = transactions
        self._can_verify = can_verify

    def unverifiable(self) -> int:
        """Return how many accounts have a password that no login can ever match; each row is read once."""
        query = select(ACCOUNTS.c.password_hash).execution_options(yield_per=_AT_ONCE)

        def count(session: Session) -> int:
            return sum(not self._is_sound(stored) for stored in session.scalars(query))

        return self._transactions.read(count)

    def _is_sound(self, stored: str) -> bool:
        return not stored or stored.startswith(_NO_PASSWORD) or self._can_verify(stored)
