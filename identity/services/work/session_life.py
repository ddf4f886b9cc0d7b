"""Defines once, in SQL and in Python, when a session is valid.

A session is valid while it is neither revoked nor expired, has the version of its account, and the
account is not disabled.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, Protocol

from sqlalchemy import BindParameter, ColumnElement, and_, not_, or_, select

from identity.store.models import Account, LoginSession

Time = datetime | BindParameter[datetime]


class Ends(Protocol):
    """When a session expires; read-only."""

    @property
    def absolute_end(self) -> datetime:
        """The end of the absolute lifetime."""

    @property
    def idle_end(self) -> datetime | None:
        """The end of the idle lifetime; None if there is none."""


def is_expired(session: Ends, now: datetime) -> bool:
    """Tell whether a session has expired."""
    idle_end = session.idle_end
    return session.absolute_end <= now or (idle_end is not None and idle_end <= now)


def unexpired(now: Time) -> ColumnElement[bool]:
    """Return the condition that a session has not expired."""
    return and_(
        LoginSession.absolute_end > now,
        or_(LoginSession.idle_end.is_(None), LoginSession.idle_end > now),
    )


# Valid, apart from time. The account must be joined.
STANDS: Final = and_(
    LoginSession.revoked_at.is_(None),
    LoginSession.version == Account.version,
    Account.disabled.is_(False),
)


def alive(now: Time) -> ColumnElement[bool]:
    """Return the condition that a session is valid. The account must be joined."""
    return and_(STANDS, unexpired(now))


def ended(now: Time) -> ColumnElement[bool]:
    """Return the condition that a session can never be valid again. No join is needed.

    Disabling an account invalidates its sessions, so enabling it again brings none back.
    """
    current = select(Account.version).where(Account.id == LoginSession.account_id).scalar_subquery()
    return or_(
        not_(unexpired(now)), LoginSession.revoked_at.is_not(None), LoginSession.version < current
    )
