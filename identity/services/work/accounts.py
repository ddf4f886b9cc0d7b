"""Finds accounts, and turns rows of accounts and events into views."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

from sqlalchemy import ColumnElement, Select, bindparam, case, or_, select
from sqlalchemy import Row as SelectedRow
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from identity.domain.account_ref import AccountRef, ShortId, Uuid
from identity.domain.errors import (
    EmailTaken,
    IdentityError,
    NotFound,
    Unauthenticated,
    UsernameTaken,
)
from identity.domain.principal import Subject
from identity.domain.values import canonical, canonical_email
from identity.domain.views import AccountView, AuditView, Page
from identity.store.models import ACCOUNTS, Account, AuditEvent

MAX_ID: Final = 2**63 - 1
# Prepared once; building the statement costs more than running it.
_BY_ID: Final = select(Account).where(Account.id == bindparam("id"))
_BY_ID_LOCKED: Final = _BY_ID.with_for_update()
Row = TypeVar("Row")


def find_account(session: Session, where: ColumnElement[bool]) -> Account | None:
    """Return the only account that meets a condition, or None."""
    return session.scalars(select(Account).where(where)).one_or_none()


def find_by_identifier(session: Session, name: str) -> Account | None:
    """Return the account with this username, else the one with this email, else None."""
    return find_account(session, Account.username_canonical == canonical(name)) or find_account(
        session, Account.email_canonical == canonical_email(name)
    )


def find_or_decoy(
    session: Session, where: ColumnElement[bool]
) -> tuple[Account | None, Account | None]:
    """Return the account that meets a condition, or None; and that account, or else a decoy.

    Constant work: see docs/security.md#enumeration. The decoy is an account that does not meet the
    condition. It is None only if there is no account at all.
    """
    account, matched = session.execute(select_or_decoy(where, Account)).first() or (None, 0)
    return account if matched else None, account


def select_or_decoy(
    where: ColumnElement[bool],
    *entities: Any,  # noqa: ANN401 - columns or entities
) -> Select[Any]:
    """Return a statement that selects from the account that meets a condition, else from a decoy.

    Args:
        where: the condition; at most one account meets it.
        entities: the columns or entities to select. The statement adds the column `matched`: 1 for
            the account, 0 for the decoy.
    """
    decoy = select(ACCOUNTS.c.id).order_by(ACCOUNTS.c.id).limit(1).scalar_subquery()
    matched = case((where, 1), else_=0).label("matched")
    return (
        select(*entities, matched)
        .where(or_(where, ACCOUNTS.c.id == decoy))
        .order_by(matched.desc())
        .limit(1)
    )


def get_account(session: Session, ref: AccountRef, *, lock: bool = False) -> Account:
    """Return an account.

    Args:
        session: of the database.
        ref: the id, UUID or short id of the account.
        lock: lock the row against other writers.

    Raises:
        NotFound: there is no such account.
    """
    query = _BY_ID_LOCKED if lock else _BY_ID
    account_id = ref if isinstance(ref, int) else _find_id(session, ref)
    if account_id is None or account_id > MAX_ID:
        raise NotFound("user")
    account = session.scalars(query, {"id": account_id}).one_or_none()
    if account is None:
        raise NotFound("user")
    return account


def _find_id(session: Session, ref: Uuid | ShortId) -> int | None:
    if isinstance(ref, Uuid):
        return session.scalar(select(Account.id).where(Account.uuid == ref.text))
    account_id = session.scalar(select(Account.id).where(Account.short_id == ref.text))
    if account_id is None and ref.or_username:
        username = Account.username_canonical == canonical(ref.text)
        account_id = session.scalar(select(Account.id).where(username))
    return account_id


def get_own(session: Session, subject: Subject, *, lock: bool = True) -> Account:
    """Return the caller's own account.

    Args:
        session: of the database.
        subject: the account as it was when the credential was checked.
        lock: lock the row against other writers.

    Raises:
        Unauthenticated: the account was deleted or disabled, or its credentials were invalidated,
            since the credential was checked.
    """
    query = select(Account).where(
        Account.id == subject.id, Account.version == subject.version, Account.disabled.is_(False)
    )
    account = session.scalars(query.with_for_update() if lock else query).one_or_none()
    if account is None:
        raise Unauthenticated
    return account


@dataclass(frozen=True, slots=True)
class Mailbox:
    """An email that an account shows. Mail is sent there only if the account owns it."""

    email: str
    owned: bool


def mailbox(account: Account) -> Mailbox | None:
    """Return the email to which mail about an account would go, or None if it shows none."""
    if account.email is None:
        return None
    return Mailbox(account.email, owned=account.email_canonical is not None)


def view_account(account: Account, *, locked_until: datetime | None = None) -> AccountView:
    """Return an account without its password hash."""
    return AccountView(
        id=account.id,
        uuid=account.uuid,
        short_id=account.short_id,
        username=account.username,
        email=account.email,
        email_verified=account.email_verified,
        full_name=account.full_name,
        admin=account.admin,
        disabled=account.disabled,
        activated=account.activated,
        must_change_password=account.must_change_password,
        created_at=account.created_at,
        updated_at=account.updated_at,
        locked_until=locked_until,
        pending_email=account.pending_email,
    )


def view_event(event: AuditEvent) -> AuditView:
    """Return an event of the audit log."""
    return AuditView(
        id=event.id,
        at=event.at,
        kind=event.kind,
        outcome=event.outcome,
        actor_id=event.actor_id,
        actor=event.actor,
        subject_id=event.subject_id,
        subject=event.subject,
        credential=event.credential,
        ip=event.ip,
        dialect=event.dialect,
        request_id=event.request_id,
    )


def subject_of(account: Account | SelectedRow[Any]) -> Subject:
    """Return an account as the actor or the subject of an event."""
    return Subject(
        id=account.id,
        username=account.username,
        admin=account.admin,
        version=account.version,
        uuid=account.uuid,
        short_id=account.short_id,
    )


def paged(
    session: Session,
    query: Select[Row],
    key: Any,  # noqa: ANN401 - any integer column
    *,
    cursor: int | None,
    limit: int,
) -> Page[Row]:
    """Return a page of `query`, newest first.

    Args:
        session: of the database.
        query: selects the rows.
        key: the column by which rows are ordered; a larger one is newer.
        cursor: the key of the last row of the previous page; None for the first page.
        limit: how many rows the page has at most.
    """
    if cursor is not None:
        query = query.where(key < cursor)
    rows = session.scalars(query.order_by(key.desc()).limit(limit + 1)).all()
    items = tuple(rows[:limit])
    return Page(items, getattr(items[-1], key.key) if len(rows) > limit else None)


def taken(error: IntegrityError, username: str) -> IdentityError:
    """Return the error for a violated unique constraint of the account table."""
    first_line = str(error.orig).partition("\n")[0]
    return EmailTaken() if "email_canonical" in first_line else UsernameTaken(username)
