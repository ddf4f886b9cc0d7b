"""Looks up the account for a login.

For an unknown name it returns a decoy row, so that both cases run the same statements.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, Final, NamedTuple

from sqlalchemy import Executable, and_, bindparam
from sqlalchemy.orm import Session

from identity.domain.principal import Subject
from identity.domain.values import canonical, canonical_email
from identity.services.work.accounts import select_or_decoy, subject_of
from identity.store.models import ACCOUNTS

_A: Final = ACCOUNTS.c
_COLUMNS: Final = (
    *(_A.id, _A.username, _A.admin, _A.version, _A.uuid, _A.short_id),
    *(_A.password_hash, _A.disabled, _A.username_canonical, _A.must_change_password),
)
# Prepared once; building the statement costs more than running it.
_BY_USERNAME: Final = select_or_decoy(_A.username_canonical == bindparam("name"), *_COLUMNS)
_BY_EMAIL: Final = select_or_decoy(_A.email_canonical == bindparam("name"), *_COLUMNS)
_BY_CONFIRMED_EMAIL: Final = select_or_decoy(
    and_(_A.email_canonical == bindparam("name"), _A.email_verified.is_(True)), *_COLUMNS
)


class IdentifierType(Enum):
    """What the identifier of a login may be."""

    USERNAME = "username"
    EMAIL = "email"
    EITHER = "either"
    LOGIN = "login"  # a username, or a confirmed email


class LoginCandidate(NamedTuple):
    """The account of a login, or a decoy if no account has the identifier (`exists` is False).

    `counted_as` is the name under which attempts are counted, whichever identifier was used.
    """

    subject: Subject
    password_hash: str | None
    disabled: bool
    counted_as: str
    exists: bool
    must_change: bool


_NO_ACCOUNT: Final = LoginCandidate(
    Subject(0, "", admin=False, version=0, uuid="", short_id=""),
    "",
    disabled=True,
    counted_as="",
    exists=False,
    must_change=False,
)


def find_candidate(session: Session, login: str, known_by: IdentifierType) -> LoginCandidate:
    """Return the account of a login, or a decoy."""
    if known_by is IdentifierType.LOGIN and "@" in login:
        # A username takes precedence, because it cannot change hands by a mail. Both are looked up:
        # constant work, see docs/security.md#enumeration.
        by_email = _find(session, _BY_CONFIRMED_EMAIL, canonical_email(login), login)
        by_username = _find(session, _BY_USERNAME, canonical(login), login)
        return by_username if by_username.exists else by_email
    if known_by is IdentifierType.EITHER and "@" in login:
        # Here an email takes precedence. Both are looked up as above.
        by_email = _find(session, _BY_EMAIL, canonical_email(login), login)
        by_username = _find(session, _BY_USERNAME, canonical(login), login)
        return by_email if by_email.exists else by_username
    if known_by is IdentifierType.EMAIL:
        return _find(session, _BY_EMAIL, canonical_email(login), login)
    return _find(session, _BY_USERNAME, canonical(login), login)


def _find(session: Session, statement: Executable, name: str, login: str) -> LoginCandidate:
    row: Any = session.execute(statement, {"name": name}).first()
    # All spellings of an unknown email count as one. Also computed when unused: constant work.
    unknown = canonical_email(login)
    if row is None:  # the database has no account at all
        return _NO_ACCOUNT._replace(counted_as=unknown)
    return LoginCandidate(
        subject_of(row),
        row.password_hash,
        row.disabled,
        counted_as=row.username_canonical if row.matched else unknown,
        exists=bool(row.matched),
        must_change=row.must_change_password,
    )
