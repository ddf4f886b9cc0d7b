"""Lists and revokes the valid sessions of an account."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from identity.domain.errors import NotFound
from identity.domain.principal import Subject
from identity.domain.views import SessionView
from identity.services.work.session_life import alive
from identity.store.models import Account, LoginSession


def sessions_of(
    session: Session, account_id: int, now: datetime, *, current: str | None
) -> tuple[SessionView, ...]:
    """Return the valid sessions of an account, newest first; `current` is the one to mark."""
    query = (
        select(LoginSession)
        .join(Account)
        .where(Account.id == account_id, alive(now))
        .order_by(LoginSession.created_at.desc(), LoginSession.id)
    )
    return tuple(_view(row, current=row.id == current) for row in session.scalars(query))


def end_session(session: Session, owner: Subject, session_id: str, now: datetime) -> None:
    """Revoke one session of an account.

    Raises:
        NotFound: the account has no such valid session.
    """
    statement = (
        update(LoginSession)
        .where(
            LoginSession.id == session_id,
            LoginSession.account_id == owner.id,
            LoginSession.id.in_(select(LoginSession.id).join(Account).where(alive(now))),
        )
        .values(revoked_at=now)
        .returning(LoginSession.id)
    )
    if session.execute(statement).first() is None:
        raise NotFound("session")


def _view(row: LoginSession, *, current: bool) -> SessionView:
    return SessionView(
        id=row.id,
        kind=row.kind,
        created_at=row.created_at,
        authenticated_at=row.authenticated_at,
        last_used_at=row.last_used_at,
        absolute_end=row.absolute_end,
        origin=row.origin,
        current=current,
    )
