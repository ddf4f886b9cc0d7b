"""Ensures that the service always has an active administrator, by locking all of them."""

from __future__ import annotations

from sqlalchemy.orm import Session

from identity.domain import policy
from identity.services.work.standing import lock_active_admins


def require_remaining_admin(session: Session, *, leaving: int) -> None:
    """Require that another active administrator remains.

    Args:
        session: of the database.
        leaving: the id of the account that stops being an active administrator.

    Raises:
        LastAdmin: there is no other one.
    """
    policy.require_other_admin(lock_active_admins(session), leaving=leaving)
