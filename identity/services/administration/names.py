"""Lists the names of all accounts, for a document without pagination (Wekan).

They are read in batches, so that no transaction is long.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Final

from sqlalchemy import bindparam, false, select
from sqlalchemy.orm import Session

from identity.domain.errors import Unauthenticated
from identity.domain.principal import Principal, Subject
from identity.domain.views import AccountName
from identity.services.work.authorization import Authorization
from identity.services.work.transaction import Transactions
from identity.store.models import ACCOUNTS

_BATCH_SIZE: Final = 500
_PAUSE_SECONDS: Final = 0.002  # lets other requests of this process run
_NAMES: Final = (
    select(ACCOUNTS.c.id, ACCOUNTS.c.short_id, ACCOUNTS.c.username)
    .where(ACCOUNTS.c.id > bindparam("after"))
    .order_by(ACCOUNTS.c.id)
    .limit(_BATCH_SIZE)
)
_ACTIVE_ADMIN: Final = select(ACCOUNTS.c.id).where(
    ACCOUNTS.c.id == bindparam("id"),
    ACCOUNTS.c.version == bindparam("version"),
    ACCOUNTS.c.admin,
    ACCOUNTS.c.disabled == false(),
)


class AccountNames:
    """Lists the ids and usernames of all accounts.

    Args:
        transactions: reads accounts.
        authorization: requires administrators.
    """

    def __init__(self, transactions: Transactions, authorization: Authorization) -> None:
        self._transactions = transactions
        self._authorization = authorization

    def all(self, principal: Principal) -> Iterator[Sequence[AccountName]]:
        """Return all accounts, oldest first, in batches that are read when they are needed.

        Before each batch, the caller is checked to be still an administrator.

        Raises:
            Forbidden: the caller is not an administrator.
            Unauthenticated: the caller is anonymous, or, while iterating, no longer an
                administrator.
            Unavailable: while iterating, the database does not answer.
        """
        return self._batches(self._authorization.require_admin(principal))

    def _batches(self, subject: Subject) -> Iterator[Sequence[AccountName]]:
        after = 0
        while batch := self._batch(subject, after):
            after = batch[-1].id
            yield batch
            if len(batch) < _BATCH_SIZE:
                return
            time.sleep(_PAUSE_SECONDS)

    def _batch(self, subject: Subject, after: int) -> list[AccountName]:
        return self._transactions.read(lambda session: _read(session, subject, after))


def _read(session: Session, subject: Subject, after: int) -> list[AccountName]:
    if (
        session.execute(_ACTIVE_ADMIN, {"id": subject.id, "version": subject.version}).first()
        is None
    ):
        raise Unauthenticated
    return [AccountName(*row) for row in session.execute(_NAMES, {"after": after})]
