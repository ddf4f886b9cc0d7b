"""Where a login's name leads: to its account, or to another that stands in, so that nobody's name costs as much."""

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
_WANTED: Final = (
    *(_A.id, _A.username, _A.admin, _A.version, _A.uuid, _A.short_id),
    *(_A.password_hash, _A.disabled, _A.username_canonical, _A.must_change_password),
)
# Made once: making one takes longer than asking it.
_BY_USERNAME: Final = select_or_decoy(_A.username_canonical == bindparam("name"), *_WANTED)
_BY_EMAIL: Final = select_or_decoy(_A.email_canonical == bindparam("name"), *_WANTED)
_BY_CONFIRMED_EMAIL: Final = select_or_decoy(
    and_(_A.email_canonical == bindparam("name"), _A.email_verified.is_(True)), *_WANTED
)


class IdentifierType(Enum):
    """What a name given at a login may be."""

    USERNAME = "username"
    EMAIL = "email"
    EITHER = "either"
    LOGIN = "login"  # a username, or a confirmed email


class LoginCandidate(NamedTuple):
    """What is kept of a name's account; of another one where nobody has the name (`exists`), to make the same work of.

    `counted_as` is the name under which tries are counted, however the account was called.
    """

    subject: Subject
    password_hash: str | None
    disabled: bool
    counted_as: str
    exists: bool
    must_change: bool


_NOBODY: Final = LoginCandidate(
    Subject(0, "", admin=False, version=0, uuid="", short_id=""),
    "",
    disabled=True,
    counted_as="",
    exists=False,
    must_change=False,
)


def find_candidate(session: Session, login: str, known_by: IdentifierType) -> LoginCandidate:
    """Return what the name leads to; an address is its owner's, whoever took it for a name."""
    if known_by is IdentifierType.LOGIN and "@" in login:
        # A username counts first: it cannot change hands by a mail. Both are looked up, because one query less
        # would tell that the account exists.
        by_email = _find(session, _BY_CONFIRMED_EMAIL, canonical_email(login), login)
        by_username = _find(session, _BY_USERNAME, canonical(login), login)
        return by_username if by_username.exists else by_email
    if known_by is IdentifierType.EITHER and "@" in login:
        of_address = _find(session, _BY_EMAIL, canonical_email(login), login)
        of_name = _find(session, _BY_USERNAME, canonical(login), login)
        return (
            of_address if of_address.exists else of_name
        )  # both were looked for: one query more would tell
    if known_by is IdentifierType.EMAIL:
        return _find(session, _BY_EMAIL, canonical_email(login), login)
    return _find(session, _BY_USERNAME, canonical(login), login)


def _find(session: Session, statement: Executable, name: str, login: str) -> LoginCandidate:
    row: Any = session.execute(statement, {"name": name}).first()
    # One form for all spellings of an email, as if it had an account; also computed where it is not needed.
    unknown = canonical_email(login)
    if row is None:  # there is no account at all
        return _NOBODY._replace(counted_as=unknown)
    known = row.username_canonical
    return LoginCandidate(
        subject_of(row),
        row.password_hash,
        row.disabled,
        counted_as=known if row.matched else unknown,
        exists=bool(row.matched),
        must_change=row.must_change_password,
    )
