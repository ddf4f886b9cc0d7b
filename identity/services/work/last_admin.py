"""The rule that the service always has an active administrator, kept by locking all of them."""

from __future__ import annotations

from sqlalchemy.orm import Session

from identity.domain import policy
from identity.services.work.standing import lock_active_admins


def require_remaining_admin(session: Session, *, leaving: int) -> None:
    """Make sure the service keeps an active administrator when this account stops being one.

    Raises:
        LastAdmin: it is the only one.
    """
    policy.require_other_admin(lock_active_admins(session), leaving=leaving)
