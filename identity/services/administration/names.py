"""The names of all accounts, for a document that knows no pages: read in pieces, so that none of them is long."""

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

_PIECE: Final = 500
_PAUSE_SECONDS: Final = 0.002  # other requests of this process have their turn
_NAMES: Final = (
    select(ACCOUNTS.c.id, ACCOUNTS.c.short_id, ACCOUNTS.c.username)
    .where(ACCOUNTS.c.id > bindparam("after"))
    .order_by(ACCOUNTS.c.id)
    .limit(_PIECE)
)
_STANDS: Final = select(ACCOUNTS.c.id).where(
    ACCOUNTS.c.id == bindparam("id"),
    ACCOUNTS.c.version == bindparam("version"),
    ACCOUNTS.c.admin,
    ACCOUNTS.c.disabled == false(),
)


class AccountNames:
    """Lists accounts by two of their columns.

    Args:
        transactions: how rows are read.
        authorization: who may.
    """

    def __init__(self, transactions: Transactions, authorization: Authorization) -> None:
        self._transactions = transactions
        self._authorization = authorization

    def all(self, principal: Principal) -> Iterator[Sequence[AccountName]]:
        """Return all accounts, oldest first, in pieces that are each read when they are asked for.

        Whoever lists must be an administrator still with each piece.

        Raises:
            Forbidden: the caller is no administrator.
            Unauthenticated: nobody is asking; from a later piece: the caller's rights have ended meanwhile.
            Unavailable: from any piece: the database does not answer.
        """
        return self._pieces(self._authorization.require_admin(principal))

    def _pieces(self, subject: Subject) -> Iterator[Sequence[AccountName]]:
        after = 0
        while piece := self._transactions.read(lambda session: _read(session, subject, after)):  # noqa: B023 - at once
            after = piece[-1].id
            yield piece
            if len(piece) < _PIECE:
                return
            time.sleep(_PAUSE_SECONDS)


def _read(session: Session, subject: Subject, after: int) -> list[AccountName]:
    if session.execute(_STANDS, {"id": subject.id, "version": subject.version}).first() is None:
        raise Unauthenticated
    return [AccountName(*row) for row in session.execute(_NAMES, {"after": after})]
