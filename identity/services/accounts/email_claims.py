"""Addresses that are somebody's already. A hardened service tells that to their owner, not to whoever asks.

Whoever asks gets what he would get for a free address, except the address itself: his account shows it and is not
known by it, so that nothing is ever mailed to it on his account.
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
    """Take a new address from `account`, not yet flushed, if it is another's; return the other one."""
    if account.email_canonical is None:
        return None
    flag_modified(account, "email_canonical")  # written at any rate: one column less would tell
    with session.no_autoflush:
        owner, _ = find_or_decoy(session, Account.email_canonical == account.email_canonical)
    if owner is None or owner is account:
        return None
    account.email_canonical = None
    return owner


def notify_email(
    tx: Transaction, account: Account, owner: Account | None, *, requester: Origin
) -> None:
    """Have a new email confirmed, or tell its owner that it was wanted for another account."""
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
    """Run work that gives an account its name and address.

    Where `discreet` work loses its address to another at the last moment, it runs again and sees the other.

    Raises:
        UsernameTaken, EmailTaken: another account was first.
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
