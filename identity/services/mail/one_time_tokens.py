"""Decides which one-time tokens are valid: they are bound to an email, a reset also to its mail.

A token has no row of its own. What it is bound to is read from the account and the outbox. Only the
newest reset is valid.

A token carries the version of the account, and is redeemed by one conditional UPDATE on that
version. So it works once, also if it is used several times in parallel.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import ColumnElement, exists, or_, select, update
from sqlalchemy.orm import Session

from identity.domain.claims import OneTimeClaims, Purpose
from identity.domain.errors import InvalidToken
from identity.domain.mail import MailKind
from identity.domain.ports import OneTimeTokens
from identity.domain.values import canonical_email
from identity.store.models import Account, OutboxMail

_RECENT_MAILS: Final = 50  # more than the limits allow within the lifetime of a token
# May have arrived. A mail that the server refused has not, so it does not invalidate earlier
# tokens.
_DISPATCHED: Final = or_(OutboxMail.sent_at.is_not(None), OutboxMail.claimed_until.is_not(None))


class Redeemable(NamedTuple):
    """The account of a valid token, and a condition that must still hold when it is redeemed.

    `of_pending` if the token confirms the pending email.
    """

    account: Account
    condition: ColumnElement[bool]
    of_pending: bool = False


def binding(purpose: Purpose, email_canonical: str | None, message_id: str) -> str:
    """Return what binds a token to its email, and a reset also to its mail, in 16 hex digits."""
    mail = message_id if purpose is Purpose.RESET else ""
    return hashlib.sha256(f"{email_canonical or ''}\n{mail}".encode()).hexdigest()[:16]


def verified(tokens: OneTimeTokens, purpose: Purpose, token: str, now: datetime) -> OneTimeClaims:
    """Return the claims of a genuine token for this purpose.

    Raises:
        InvalidToken: it is not genuine, or has expired.
    """
    claims = tokens.verify(purpose, token)
    if claims is None or now.timestamp() >= claims.expires_at:
        raise InvalidToken
    return claims


def require_activation(session: Session, claims: OneTimeClaims) -> Redeemable:
    """Return the account whose email the token confirms.

    Raises:
        InvalidToken: the account does not exist, its credentials were invalidated, or it has
            another email.
    """
    account = _account_of(session, claims)
    if binding(Purpose.ACTIVATION, account.email_canonical, "") == claims.binding:
        return Redeemable(account, Account.email_canonical == account.email_canonical)
    pending = account.pending_email
    if (
        pending is None
        or binding(Purpose.ACTIVATION, canonical_email(pending), "") != claims.binding
    ):
        raise InvalidToken
    return Redeemable(account, Account.pending_email == pending, of_pending=True)


def require_invitation(session: Session, claims: OneTimeClaims) -> Redeemable:
    """Return the account whose first password the token may set.

    Raises:
        InvalidToken: as for `require_activation`.
    """
    account = _account_of(session, claims)
    if binding(Purpose.INVITATION, account.email_canonical, "") != claims.binding:
        raise InvalidToken
    return Redeemable(account, Account.email_canonical == account.email_canonical)


def require_reset(session: Session, claims: OneTimeClaims) -> Redeemable:
    """Return the account whose password the token may set.

    Raises:
        InvalidToken: as for `require_activation`, or a newer token was mailed.
    """
    account = _account_of(session, claims)
    mails = (
        select(OutboxMail.id, OutboxMail.message_id, _DISPATCHED.label("dispatched"))
        .where(_resets_of(account.id))
        .order_by(OutboxMail.id.desc())
        .limit(_RECENT_MAILS)
    )
    for mail_id, message_id, dispatched in session.execute(mails):
        if binding(Purpose.RESET, account.email_canonical, message_id) == claims.binding:
            newer = exists().where(_resets_of(account.id), OutboxMail.id > mail_id, _DISPATCHED)
            return Redeemable(
                account, (Account.email_canonical == account.email_canonical) & ~newer
            )
        if dispatched:
            break
    raise InvalidToken


def redeem(
    session: Session,
    claims: OneTimeClaims,
    where: ColumnElement[bool],
    *,
    now: datetime,
    **values: object,
) -> None:
    """Set columns of the account of a valid token, and expire the objects of the session.

    Args:
        session: of the transaction.
        claims: of the token.
        where: the condition that must still hold; see `Redeemable`.
        now: the time.
        values: of the columns.

    Raises:
        InvalidToken: the token was redeemed or became invalid meanwhile.
    """
    statement = (
        update(Account)
        .where(Account.id == claims.account, Account.version == claims.version, where)
        .values({"updated_at": now, **values})
        .returning(Account.id)
        .execution_options(synchronize_session=False)
    )
    if session.execute(statement).first() is None:
        raise InvalidToken
    session.expire_all()


def _account_of(session: Session, claims: OneTimeClaims) -> Account:
    query = select(Account).where(Account.id == claims.account, Account.version == claims.version)
    account = session.scalars(query).one_or_none()
    if account is None:
        raise InvalidToken
    return account


def _resets_of(account_id: int) -> ColumnElement[bool]:
    return (OutboxMail.account_id == account_id) & (OutboxMail.kind == MailKind.RESET.value)
