"""Activates accounts, and confirms emails by the one-time tokens that were mailed to them."""

from __future__ import annotations

from sqlalchemy import or_
from sqlalchemy.exc import IntegrityError

from identity.domain.claims import OneTimeClaims, Purpose
from identity.domain.credentials import Credential
from identity.domain.errors import InvalidToken, NotFound
from identity.domain.events import Event
from identity.domain.exposure import Exposure
from identity.domain.mail import MailKind
from identity.domain.ports import OneTimeTokens
from identity.domain.principal import Principal
from identity.domain.views import AccountView
from identity.services.accounts.email_changes import confirmed
from identity.services.mail.one_time_tokens import (
    Redeemable,
    redeem,
    require_activation,
    verified,
)
from identity.services.work.accounts import (
    find_account,
    get_account,
    mailbox,
    subject_of,
    taken,
    view_account,
)
from identity.services.work.transaction import Transaction, Transactions
from identity.store.models import Account


class Activation:
    """Activates accounts.

    Args:
        transactions: reads and writes accounts.
        tokens: verifies one-time tokens.
        exposure: what a hardened service hides or refuses.
    """

    def __init__(
        self, transactions: Transactions, *, tokens: OneTimeTokens, exposure: Exposure
    ) -> None:
        self._transactions = transactions
        self._tokens = tokens
        self._exposure = exposure

    def activate(self, principal: Principal, token: str, *, uuid: str | None = None) -> AccountView:
        """Activate the account of a one-time token, and confirm the email that it was mailed to.

        A pending email replaces the one in force, which gets a notice.

        Args:
            principal: the caller.
            token: from the mail.
            uuid: of the account to which the token must belong; None for any account.

        Raises:
            InvalidToken: the token is not valid, or belongs to another account.
            EmailTaken: another account has confirmed or registered the pending email meanwhile.
        """
        claims = verified(self._tokens, Purpose.ACTIVATION, token, self._transactions.now())
        try:
            return self._transactions.write(principal, lambda tx: _activate(tx, claims, uuid))
        except IntegrityError as error:
            raise taken(error, "") from None

    def activate_by_id(self, principal: Principal, uuid: str) -> AccountView:
        """Activate an account by its UUID, as continuous.sh documents. No email is confirmed.

        Raises:
            NotFound: there is no such account, or the service is hardened.
        """
        return self._transactions.write(principal, lambda tx: self._activate_by_id(tx, uuid))

    def _activate_by_id(self, tx: Transaction, uuid: str) -> AccountView:
        account = find_account(tx.session, Account.uuid == uuid)
        if account is None or not self._exposure.activates_by_id:
            raise NotFound("user")
        if not account.activated:
            account.activated = True
            tx.audit(Event.ACTIVATED, subject=subject_of(account))
            tx.session.flush()
        return view_account(account)


def _activate(tx: Transaction, claims: OneTimeClaims, uuid: str | None) -> AccountView:
    redeemable = require_activation(tx.session, claims)
    account = redeemable.account
    if uuid not in {None, account.uuid}:
        raise InvalidToken
    if redeemable.of_pending:
        return _confirm_pending(tx, claims, redeemable)
    if account.activated and account.email_verified:
        raise InvalidToken
    unconfirmed = or_(Account.activated.is_(False), Account.email_verified.is_(False))
    redeem(
        tx.session,
        claims,
        redeemable.condition & unconfirmed,
        now=tx.now,
        activated=True,
        email_verified=True,
    )
    tx.audit(
        Event.ACTIVATED,
        subject=subject_of(account),
        credential=Credential.MAILED_TOKEN,
    )
    return view_account(get_account(tx.session, account.id))


def _confirm_pending(tx: Transaction, claims: OneTimeClaims, redeemable: Redeemable) -> AccountView:
    account = redeemable.account
    former = mailbox(account)
    columns = confirmed(tx.session, account, tx.now)
    redeem(tx.session, claims, redeemable.condition, now=tx.now, **columns)
    changed = get_account(tx.session, account.id)
    if former is not None:
        tx.mail(MailKind.EMAIL_CHANGED, changed, to=former)
    tx.audit(
        Event.EMAIL_CHANGED,
        subject=subject_of(changed),
        credential=Credential.MAILED_TOKEN,
    )
    tx.changed(changed.id)
    return view_account(changed)
