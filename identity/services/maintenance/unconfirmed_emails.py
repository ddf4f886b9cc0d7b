"""Releases emails that were never confirmed, so that their owners can register with them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, Select, and_, func, select

from identity.domain.events import Event
from identity.domain.principal import Origin, Principal
from identity.domain.usernames import is_email_of
from identity.domain.values import canonical
from identity.services.accounts.email_changes import free_name
from identity.services.work.accounts import subject_of
from identity.services.work.transaction import Transaction, Transactions
from identity.store.models import Account

_BATCH_SIZE: Final = 100
_HOUSEKEEPING: Final = Principal(Origin(ip="local", request_id="-", dialect="housekeeping"))


class UnconfirmedEmails:
    """Removes emails from accounts that have not confirmed them in time.

    Args:
        transactions: runs each step.
        life: how long an email may stay unconfirmed; zero for no end.
    """

    def __init__(self, transactions: Transactions, *, life: timedelta) -> None:
        self._transactions = transactions
        self._life = life

    def steps(self) -> Iterator[int]:
        """Release expired emails in batches, and yield the size of each batch.

        Raises:
            Unavailable: the database does not answer; earlier batches are committed.
        """
        expired = self._expired(self._transactions.now())
        after = 0
        while self._life and (ids := self._next(expired, after)):
            yield self._release(ids, expired)
            after = ids[-1]

    def _next(self, expired: ColumnElement[bool], after: int) -> list[int]:
        query = (
            select(Account.id)
            .where(expired, Account.id > after)
            .order_by(Account.id)
            .limit(_BATCH_SIZE)
        )
        return self._transactions.read(lambda session: list(session.scalars(query)))

    def _expired(self, now: datetime) -> ColumnElement[bool]:
        since = func.coalesce(Account.email_since, Account.created_at)
        return and_(
            Account.email.is_not(None), Account.email_verified.is_(False), since <= now - self._life
        )

    def _release(self, ids: list[int], expired: ColumnElement[bool]) -> int:
        # Checked again under the lock, in case an email was confirmed meanwhile. Rows that another
        # node has locked are skipped.
        query = (
            select(Account).where(Account.id.in_(ids), expired).with_for_update(skip_locked=True)
        )
        return self._transactions.write_unattended(
            lambda tx: _release_selected(tx, query), _HOUSEKEEPING
        )


def _release_selected(tx: Transaction, query: Select[Account]) -> int:
    accounts = tx.session.scalars(query).all()
    for account in accounts:
        _release_one(tx, account)
    return len(accounts)


def _release_one(tx: Transaction, account: Account) -> None:
    tx.audit(Event.EMAIL_RELEASED, subject=subject_of(account))
    if "@" in account.username and is_email_of(account.username, account.email_canonical):
        account.username = free_name(tx.session, account)
        account.username_canonical = canonical(account.username)
    account.email = None
    account.email_canonical = None
    account.updated_at = tx.now
    tx.changed(account.id)
