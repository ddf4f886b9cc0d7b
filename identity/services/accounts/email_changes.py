"""Changes an account's email: the old one stays in force until the new one is confirmed.

Three changes take effect at once: the first email of an account, another spelling of the same
email, and removing it.
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
from identity.services.accounts.changes import NewEmail
from identity.services.accounts.email_claims import drop_taken_email, notify_email
from identity.services.work.accounts import Mailbox, find_account, find_or_decoy, mailbox
from identity.services.work.transaction import Transaction
from identity.store.models import Account


class EmailChanges:
    """Changes emails of accounts.

    Args:
        discreet: tell the owner of a taken email, and not the caller.
    """

    def __init__(self, *, discreet: bool) -> None:
        self._discreet = discreet

    def change(
        self, tx: Transaction, account: Account, email: NewEmail, *, requester: Origin
    ) -> list[Event]:
        """Set an account's email, at once or after confirmation; mail it, and return the events.

        Args:
            tx: the transaction.
            account: to change.
            email: the new one; UNSET for no change, None to remove it.
            requester: the origin of the request, for the limits of mails.

        Raises:
            EmailTaken: another account has it; never if discreet.
            IntegrityError: another account has registered it at the same time.
            InvalidInput: the email to remove is the username.
        """
        if isinstance(email, Unset):
            return []
        if (
            email is None
            or account.email is None
            or email.canonical == canonical_email(account.email)
        ):
            self._replace(tx, account, email, requester)
            return [Event.EMAIL_CHANGED]
        self._propose(tx, account, email, requester)
        return [Event.EMAIL_CHANGE_REQUESTED]

    def _replace(
        self, tx: Transaction, account: Account, email: Identifier | None, requester: Origin
    ) -> None:
        former = mailbox(account)
        former_canonical = account.email_canonical
        respelled = (
            account.email_verified and email is not None and email.canonical == former_canonical
        )
        account.pending_email = None
        account.email = email.raw if email else None
        account.email_canonical = email.canonical if email else None
        if respelled:
            return
        account.email_verified = False
        account.email_since = tx.now
        if email is not None:
            owner = drop_taken_email(tx.session, account) if self._discreet else None
            notify_email(tx, account, owner, requester=requester)
        elif "@" in account.username and is_email_of(account.username, former_canonical):
            raise InvalidInput.of(
                "email", "this email is your username; choose another username first"
            )
        elif former is not None:
            tx.mail(MailKind.EMAIL_CHANGED, account, to=former)

    def _propose(
        self, tx: Transaction, account: Account, email: Identifier, requester: Origin
    ) -> None:
        with tx.session.no_autoflush:
            owner, _ = find_or_decoy(tx.session, Account.email_canonical == email.canonical)
        if owner is not None and not self._discreet:
            raise EmailTaken
        account.pending_email = email.raw
        tx.mail(MailKind.EMAIL_CHANGE_REQUESTED, account)
        if owner is None:
            to = Mailbox(email.raw, owned=True)
            tx.mail(MailKind.ACTIVATION, account, to=to, requester=requester)
        else:
            tx.mail(MailKind.EMAIL_ALREADY_REGISTERED, owner, requester=requester)


def confirmed(session: Session, account: Account, now: datetime) -> dict[str, Any]:
    """Return the columns that put a pending email in force.

    A username that is the old email changes with it.
    """
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


def free_name(session: Session, account: Account, *preferred: str) -> str:
    """Return the first of these names that is a valid and free username, else a generated one."""
    for name in filter(
        is_username, (*preferred, f"user-{account.short_id}", f"user-{account.uuid}")
    ):
        other = find_account(session, Account.username_canonical == canonical(name))
        if other is None or other is account:
            return name
    raise UsernameTaken(preferred[0] if preferred else account.username)
