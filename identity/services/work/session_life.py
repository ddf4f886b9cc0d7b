"""When a session is alive: one definition, as SQL and as a function.

A session is alive while it is not revoked, has not expired, and belongs to the current credentials of
an account that is not disabled.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, Protocol

from sqlalchemy import BindParameter, ColumnElement, and_, not_, or_, select

from identity.store.models import Account, LoginSession

Time = datetime | BindParameter[datetime]


class Ends(Protocol):
    """The times at which a session ends; read-only."""

    @property
    def absolute_end(self) -> datetime:
        """The latest end."""

    @property
    def idle_end(self) -> datetime | None:
        """The end if it is not used; None if that does not matter."""


def is_expired(session: Ends, now: datetime) -> bool:
    """Tell whether time has ended a session."""
    idle_end = session.idle_end
    return session.absolute_end <= now or (idle_end is not None and idle_end <= now)


def unexpired(now: Time) -> ColumnElement[bool]:
    """Return the same as a condition on the row: time has not ended it."""
    return and_(
        LoginSession.absolute_end > now,
        or_(LoginSession.idle_end.is_(None), LoginSession.idle_end > now),
    )


# Needs the account joined: the session counts, apart from time.
STANDS: Final = and_(
    LoginSession.revoked_at.is_(None),
    LoginSession.version == Account.version,
    Account.disabled.is_(False),
)


def alive(now: Time) -> ColumnElement[bool]:
    """Return the condition that a session is alive; it needs the account joined."""
    return and_(STANDS, unexpired(now))


def ended(now: Time) -> ColumnElement[bool]:
    """Return the condition that a session will never be alive again; it needs no join.

    A disabled account may be enabled again, but its sessions belong to former credentials then.
    """
    current = select(Account.version).where(Account.id == LoginSession.account_id).scalar_subquery()
    return or_(
        not_(unexpired(now)), LoginSession.revoked_at.is_not(None), LoginSession.version < current
    )
