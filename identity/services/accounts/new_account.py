"""The row of a new account: what every way to make one has in common."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select

from identity.domain.ports import Identifiers
from identity.domain.values import Identifier, canonical, is_username
from identity.services.work.transaction import Transactions
from identity.store.models import Account


@dataclass(frozen=True, slots=True)
class ValidatedAccount:
    """Names of a new account that were judged, and what its password is checked against."""

    username: Identifier
    email: Identifier | None
    full_name: str | None
    password_hash: str | None
    must_change_password: bool = False


def new_account(
    wanted: ValidatedAccount, identifiers: Identifiers, now: datetime, *, admin: bool
) -> Account:
    """Return the row, not yet added to a session."""
    username, email = wanted.username, wanted.email
    return Account(
        uuid=identifiers.uuid(),
        short_id=identifiers.short_id(),
        username=username.raw,
        username_canonical=username.canonical,
        email=email.raw if email else None,
        email_canonical=email.canonical if email else None,
        email_since=now if email else None,
        full_name=wanted.full_name,
        password_hash=wanted.password_hash,
        must_change_password=wanted.must_change_password,
        admin=admin,
        created_at=now,
        updated_at=now,
    )


def choose_username(
    email: Identifier | None, transactions: Transactions, identifiers: Identifiers
) -> tuple[str, str]:
    """Return a username for an account that is asked for by its email alone, and another one that is free.

    It is the email where that can be a username and no other account is called so. Both are made in any
    case: constant work, see docs/security.md.
    """
    new = f"user-{identifiers.short_id()}"
    if email is not None and is_username(email.raw):
        taken_by = or_(
            Account.username_canonical == canonical(email.raw),
            Account.email_canonical == email.canonical,
        )
        if transactions.row(select(Account.id).where(taken_by).limit(1), {}) is None:
            return email.raw, new
    return new, new
