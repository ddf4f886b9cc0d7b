"""The rule that somebody can always administer the service, kept by locking who can."""

from __future__ import annotations

from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from identity.domain import policy
from identity.domain.errors import Forbidden
from identity.domain.principal import Credential, Principal
from identity.store.models import Account

_ACTIVE: Final = (
    select(Account.id).where(Account.admin, Account.disabled.is_(False)).order_by(Account.id).with_for_update()
)


def require_remaining_admin(session: Session, *, leaving: int) -> None:
    """Make sure the service keeps an active administrator when this account stops being one.

    Raises:
        LastAdmin: it is the only one.
    """
    policy.require_other_admin(_lock_active_admins(session), leaving=leaving)


def require_acting_admin(session: Session, principal: Principal) -> None:
    """Make sure the caller is still an active administrator while others may be removing him.

    Raises:
        Forbidden: he no longer is.
    """
    if principal.credential is Credential.OPERATOR:
        return
    if principal.account.id not in _lock_active_admins(session):
        raise Forbidden


def _lock_active_admins(session: Session) -> frozenset[int]:
    # All rows, always in the same order: two administrators who remove each other at the same moment
    # take turns, and the second finds himself gone. On SQLite the write transaction is the lock.
    return frozenset(session.scalars(_ACTIVE))
