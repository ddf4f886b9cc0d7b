"""Defines once, in SQL and in Python, when a session is valid.

A session is valid while it is neither revoked nor expired, has the version of its account, and the
account is not disabled. The same holds of a certificate, whose end is its `not_after`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, Protocol

from sqlalchemy import BindParameter, ColumnElement, and_, not_, or_, select
from sqlalchemy.orm import InstrumentedAttribute

from identity.store.models import Account, Certificate, LoginSession

Time = datetime | BindParameter[datetime]
Version = int | BindParameter[int] | InstrumentedAttribute[int]


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


def in_force(row: type[LoginSession | Certificate], version: Version) -> ColumnElement[bool]:
    """Return the condition that a session or certificate was neither revoked nor invalidated.

    Args:
        row: the sessions or the certificates.
        version: of the account.
    """
    return and_(row.revoked_at.is_(None), row.version == version)


# Valid, apart from time. The account must be joined.
STANDS: Final = and_(in_force(LoginSession, Account.version), Account.disabled.is_(False))


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
