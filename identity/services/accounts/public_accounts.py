"""What others than administrators may know of an account that is not their own."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from identity.domain.errors import NotFound, Unauthenticated
from identity.domain.exposure import Exposure
from identity.domain.principal import Principal
from identity.domain.views import AccountView
from identity.services.work.accounts import MAX_ID, find_account, view_account
from identity.services.work.transaction import Transactions
from identity.store.models import Account


class PublicAccounts:
    """Returns what is public about accounts.

    Args:
        transactions: reads accounts.
        exposure: what a hardened service hides.
    """

    def __init__(self, transactions: Transactions, exposure: Exposure) -> None:
        self._transactions = transactions
        self._exposure = exposure

    def name(self, principal: Principal, account_id: int) -> str:
        """Return the username of an account by its id; if hardened, to authenticated callers only.

        Raises:
            Unauthenticated: the service is hardened, and the caller is anonymous.
            NotFound: there is no such account.
        """
        if self._exposure.hides_users and principal.subject is None:
            raise Unauthenticated
        query = select(Account.username).where(Account.id == account_id)
        row = self._transactions.row(query, {}) if account_id <= MAX_ID else None
        if row is None:
            raise NotFound("user")
        name: str = row[0]
        return name

    def view(self, principal: Principal, uuid: str) -> AccountView:
        """Return an account by its UUID; if hardened, to its owner and to administrators only.

        The document of continuous.sh shows a few fields to anyone.

        Raises:
            Unauthenticated: the service is hardened, and the caller is anonymous.
            NotFound: there is no such account, or the caller may not see it.
        """
        if self._exposure.hides_users:
            caller = principal.account
            if not caller.admin and caller.uuid != uuid:
                raise NotFound("user")

        return self._transactions.read(lambda session: _view_by_uuid(session, uuid))


def _view_by_uuid(session: Session, uuid: str) -> AccountView:
    account = find_account(session, Account.uuid == uuid)
    if account is None:
        raise NotFound("user")
    return view_account(account)
