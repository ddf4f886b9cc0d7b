"""Builds the row of a new account, for registrations and invitations."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from identity.domain.ports import Identifiers
from identity.domain.values import Identifier, canonical, is_username
from identity.services.work.transaction import Transactions
from identity.store.models import Account, Counter
from identity.store.upsert import insert

_FIRST_ACCOUNT: Final = "first-account"
_NEVER: Final = datetime(9999, 12, 31, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ValidatedAccount:
    """The validated fields of a new account."""

    username: Identifier
    email: Identifier | None
    full_name: str | None
    password_hash: str | None
    must_change_password: bool = False


def new_account(
    values: ValidatedAccount, identifiers: Identifiers, now: datetime, *, admin: bool
) -> Account:
    """Return the row, not yet added to a session."""
    username, email = values.username, values.email
    return Account(
        uuid=identifiers.uuid(),
        short_id=identifiers.short_id(),
        username=username.raw,
        username_canonical=username.canonical,
        email=email.raw if email else None,
        email_canonical=email.canonical if email else None,
        email_since=now if email else None,
        full_name=values.full_name,
        password_hash=values.password_hash,
        must_change_password=values.must_change_password,
        admin=admin,
        created_at=now,
        updated_at=now,
    )


def choose_username(
    email: Identifier | None, transactions: Transactions, identifiers: Identifiers
) -> tuple[str, str]:
    """Return a username for an account that is created with an email only, and an unused one.

    The username is the email if that is a valid username and no other account has it, else the
    unused one. Both are always made: constant work, see docs/security.md#enumeration.
    """
    unused = f"user-{identifiers.short_id()}"
    if email is not None and is_username(email.raw):
        taken_by = or_(
            Account.username_canonical == canonical(email.raw),
            Account.email_canonical == email.canonical,
        )
        if transactions.row(select(Account.id).where(taken_by).limit(1), {}) is None:
            return email.raw, unused
    return unused, unused


def is_first(session: Session) -> bool:
    """Tell whether the account that is about to be inserted is the very first one.

    Of parallel registrations, only the one that inserts a certain row is the first.
    """
    if session.scalar(select(Account.id).limit(1)) is not None:
        return False
    row = insert(session.get_bind().dialect.name, Counter).values(
        key=_FIRST_ACCOUNT, count=1, ends_at=_NEVER
    )
    statement = row.on_conflict_do_nothing().returning(Counter.key)
    return session.execute(statement).first() is not None
