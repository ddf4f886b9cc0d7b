"""Lists and shows accounts to administrators."""

from __future__ import annotations

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from identity.domain.account_ref import AccountRef
from identity.domain.principal import Principal
from identity.domain.values import canonical
from identity.domain.views import AccountView, Page
from identity.services.authentication.throttle import LoginThrottle
from identity.services.work.accounts import get_account, paged, view_account
from identity.services.work.authorization import Authorization
from identity.services.work.transaction import Transactions
from identity.store.models import Account


class AccountList:
    """Lists and shows accounts.

    Args:
        transactions: reads accounts.
        authorization: requires administrators.
        throttle: tells which accounts are locked.
    """

    def __init__(
        self, transactions: Transactions, *, authorization: Authorization, throttle: LoginThrottle
    ) -> None:
        self._transactions = transactions
        self._authorization = authorization
        self._throttle = throttle

    def page(
        self, principal: Principal, *, search: str | None, cursor: int | None, limit: int
    ) -> Page[AccountView]:
        """Return a page of accounts, newest first.

        Args:
            principal: an administrator.
            search: that the username or email contains, ignoring case; None for all.
            cursor: the id of the last account of the previous page; None for the first page.
            limit: how many accounts the page has at most.
        """
        self._authorization.require_admin(principal)
        query = select(Account)
        if search:
            needle = canonical(search)
            columns = (Account.username_canonical, Account.email_canonical)
            query = query.where(
                or_(*(column.contains(needle, autoescape=True) for column in columns))
            )

        return self._transactions.read(
            lambda session: self._view_page(
                session, paged(session, query, Account.id, cursor=cursor, limit=limit)
            )
        )

    def fetch(self, principal: Principal, ref: AccountRef) -> AccountView:
        """Return one account.

        Raises:
            NotFound: there is no such account.
        """
        self._authorization.require_admin(principal)
        return self._transactions.read(
            lambda session: self.views(session, get_account(session, ref))[0]
        )

    def views(self, session: Session, *accounts: Account) -> tuple[AccountView, ...]:
        """Return the views of accounts, with their locks."""
        locks = self._throttle.locked_until(session, accounts)
        return tuple(
            view_account(account, locked_until=locks.get(account.id)) for account in accounts
        )

    def _view_page(self, session: Session, page: Page[Account]) -> Page[AccountView]:
        return Page(self.views(session, *page.items), page.cursor)
