"""Emails that another account has already. A hardened service tells the owner, not the caller.

The caller gets the same response as for a free email. The new account shows the email but does not
own it, so that no mail about that account is ever sent there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import flag_modified

from identity.domain.errors import EmailTaken, IdentityError
from identity.domain.mail import MailKind
from identity.domain.principal import Origin, Principal
from identity.services.work.accounts import find_or_decoy, taken
from identity.services.work.transaction import Transaction, Transactions
from identity.store.models import Account

Result = TypeVar("Result")


def drop_taken_email(session: Session, account: Account) -> Account | None:
    """Take the email from `account`, not yet flushed, if another account owns it; return it."""
    if account.email_canonical is None:
        return None
    # Always written. Constant work: see docs/security.md#enumeration.
    flag_modified(account, "email_canonical")
    with session.no_autoflush:
        owner, _ = find_or_decoy(session, Account.email_canonical == account.email_canonical)
    if owner is None or owner is account:
        return None
    account.email_canonical = None
    return owner


def notify_email(
    tx: Transaction, account: Account, owner: Account | None, *, requester: Origin
) -> None:
    """Mail a confirmation to a new email, or tell its owner that another account asked for it."""
    if owner is None:
        tx.mail(MailKind.ACTIVATION, account, requester=requester)
    else:
        tx.mail(MailKind.EMAIL_ALREADY_REGISTERED, owner, requester=requester)


def write_unique(
    transactions: Transactions,
    principal: Principal,
    work: Callable[[Transaction], Result],
    *,
    username: str,
    discreet: bool,
) -> Result:
    """Run work that sets the username or email of an account.

    If `discreet` work loses a race for its email, it runs again, and then finds the other account.

    Args:
        transactions: runs the work.
        principal: on whose behalf.
        work: what to do.
        username: for the error.
        discreet: whether the caller must not learn of taken emails.

    Raises:
        UsernameTaken, EmailTaken: another account has it.
    """
    refusal: IdentityError = EmailTaken()
    for _ in range(2):
        try:
            return transactions.write(principal, work)
        except IntegrityError as error:
            refusal = taken(error, username)
        if not (discreet and isinstance(refusal, EmailTaken)):
            break
    raise refusal
