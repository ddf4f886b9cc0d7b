"""Changing an account's email: the one in force stays, for login and reset, until the new one is confirmed.

In force at once are only the first email of an account, another spelling of the same, and none.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from identity.domain.errors import EmailTaken, InvalidInput, UsernameTaken
from identity.domain.events import Event
from identity.domain.mail import MailKind
from identity.domain.principal import Origin
from identity.domain.usernames import is_email_of
from identity.domain.values import (
    Identifier,
    Unset,
    canonical,
    canonical_email,
    is_username,
)
from identity.services.accounts.changes import WantedEmail
from identity.services.accounts.email_claims import drop_taken_email, notify_email
from identity.services.work.accounts import Mailbox, find_account, find_or_decoy, mailbox
from identity.services.work.transaction import Transaction
from identity.store.models import Account


class EmailChanges:
    """Gives accounts another email.

    Args:
        discreet: if the email is another account's, tell its owner and not the caller.
    """

    def __init__(self, *, discreet: bool) -> None:
        self._discreet = discreet

    def change(
        self, tx: Transaction, account: Account, wanted: WantedEmail, *, requester: Origin
    ) -> list[Event]:
        """Give an account an email, now or once it is confirmed; mail what follows, and return what has happened.

        Raises:
            EmailTaken: another account has it; where that is told.
            IntegrityError: another account has had it registered at this moment.
            InvalidInput: it would be taken away although it is the username.
        """
        if isinstance(wanted, Unset):
            return []
        if (
            wanted is None
            or account.email is None
            or wanted.canonical == canonical_email(account.email)
        ):
            self._replace(tx, account, wanted, requester)
            return [Event.EMAIL_CHANGED]
        self._propose(tx, account, wanted, requester)
        return [Event.EMAIL_CHANGE_REQUESTED]

    def _replace(
        self, tx: Transaction, account: Account, wanted: Identifier | None, requester: Origin
    ) -> None:
        former, known_as = mailbox(account), account.email_canonical
        respelled = account.email_verified and wanted is not None and wanted.canonical == known_as
        account.pending_email = None
        account.email = wanted.raw if wanted else None
        account.email_canonical = wanted.canonical if wanted else None
        if respelled:
            return
        account.email_verified, account.email_since = False, tx.now
        if wanted is not None:
            owner = drop_taken_email(tx.session, account) if self._discreet else None
            notify_email(tx, account, owner, requester=requester)
        elif "@" in account.username and is_email_of(account.username, known_as):
            raise InvalidInput.of(
                "email", "this email is your username; choose another username first"
            )
        elif former is not None:
            tx.mail(MailKind.EMAIL_CHANGED, account, to=former)

    def _propose(
        self, tx: Transaction, account: Account, wanted: Identifier, requester: Origin
    ) -> None:
        with tx.session.no_autoflush:
            owner, _ = find_or_decoy(tx.session, Account.email_canonical == wanted.canonical)
        if owner is not None and not self._discreet:
            raise EmailTaken
        account.pending_email = wanted.raw
        tx.mail(MailKind.EMAIL_CHANGE_REQUESTED, account)
        if owner is None:
            to = Mailbox(wanted.raw, owned=True)
            tx.mail(MailKind.ACTIVATION, account, to=to, requester=requester)
        else:
            tx.mail(MailKind.EMAIL_ALREADY_REGISTERED, owner, requester=requester)


def confirmed(session: Session, account: Account, now: datetime) -> dict[str, Any]:
    """Return the columns that put an account's pending email in force; a username that was the old one follows."""
    pending = account.pending_email or ""
    values: dict[str, Any] = {
        "email": pending,
        "email_canonical": canonical_email(pending),
        "email_since": now,
        "email_verified": True,
        "activated": True,
        "pending_email": None,
        "updated_at": now,
    }
    if "@" in account.username and is_email_of(account.username, account.email_canonical):
        name = free_name(session, account, pending)
        values |= {"username": name, "username_canonical": canonical(name)}
    return values


def free_name(session: Session, account: Account, *wanted: str) -> str:
    """Return the first of these names that can be a username and that no other account has, else a new one."""
    for name in filter(is_username, (*wanted, f"user-{account.short_id}", f"user-{account.uuid}")):
        other = find_account(session, Account.username_canonical == canonical(name))
        if other is None or other is account:
            return name
    raise UsernameTaken(wanted[0] if wanted else account.username)
