"""Finds usernames that look like the email of another user."""

from __future__ import annotations

from sqlalchemy import select

from identity.domain.usernames import is_email_of
from identity.services.work.transaction import Transactions
from identity.store.models import Account


class MisleadingNames:
    """Finds such usernames, for the operator who checks the service.

    Args:
        transactions: reads accounts.
    """

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def find(self, *, at_most: int) -> tuple[tuple[str, ...], int]:
        """Return usernames that look like the email of another user, and how many there are.

        At most `at_most` of them are listed.
        """
        query = select(Account.username, Account.email_canonical).where(
            Account.username_canonical.contains("@")
        )
        rows = self._transactions.read(
            lambda session: session.execute(query.order_by(Account.id)).all()
        )
        names = [name for name, email in rows if not is_email_of(name, email)]
        return tuple(names[:at_most]), len(names)
