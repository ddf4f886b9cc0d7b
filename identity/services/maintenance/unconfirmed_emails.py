"""Taking emails back that were never confirmed, so that whoever owns the mailbox can have an account by it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, and_, func, select

from identity.domain.events import Event
from identity.domain.principal import Origin, Principal
from identity.domain.usernames import is_email_of
from identity.domain.values import canonical
from identity.services.accounts.email_changes import free_name
from identity.services.work.accounts import subject_of
from identity.services.work.transaction import Transaction, Transactions
from identity.store.models import Account

_BATCH: Final = 100
_HOUSEKEEPING: Final = Principal(Origin(ip="local", request_id="-", dialect="housekeeping"))


class UnconfirmedEmails:
    """Takes emails from accounts that have not confirmed them in time.

    Args:
        transactions: one for each step.
        life: how long an email may wait for its confirmation; zero: for ever.
    """

    def __init__(self, transactions: Transactions, *, life: timedelta) -> None:
        self._transactions = transactions
        self._life = life

    def steps(self) -> Iterator[int]:
        """Release all that are over, a few at a time; yield after each step how many those were.

        Raises:
            Unavailable: the database does not answer; what was released stays so.
        """
        over = self._over(self._transactions.now())
        after = 0
        while self._life and (ids := self._next(over, after)):
            yield self._release(ids, over)
            after = ids[-1]

    def _next(self, over: ColumnElement[bool], after: int) -> list[int]:
        query = (
            select(Account.id).where(over, Account.id > after).order_by(Account.id).limit(_BATCH)
        )
        return self._transactions.read(lambda session: list(session.scalars(query)))

    def _over(self, now: datetime) -> ColumnElement[bool]:
        since = func.coalesce(Account.email_since, Account.created_at)
        return and_(
            Account.email.is_not(None), Account.email_verified.is_(False), since <= now - self._life
        )

    def _release(self, ids: list[int], over: ColumnElement[bool]) -> int:
        # Asked again under the lock: what was confirmed meanwhile stays. What another node releases is left to it.
        query = select(Account).where(Account.id.in_(ids), over).with_for_update(skip_locked=True)

        def work(tx: Transaction) -> int:
            accounts = tx.session.scalars(query).all()
            for account in accounts:
                self._release_one(tx, account)
            return len(accounts)

        return self._transactions.write_unattended(work, _HOUSEKEEPING)

    def _release_one(self, tx: Transaction, account: Account) -> None:
        tx.audit(Event.EMAIL_RELEASED, subject=subject_of(account))
        if "@" in account.username and is_email_of(account.username, account.email_canonical):
            account.username = free_name(tx.session, account)
            account.username_canonical = canonical(account.username)
        account.email = account.email_canonical = None
        account.updated_at = tx.now
        tx.changed(account.id)
