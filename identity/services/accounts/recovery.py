"""Account activation and password reset, by one-time tokens in mails.

A token carries the version of the account, and is redeemed by one conditional UPDATE on that
version. So it works once, also if it is used several times in parallel.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from sqlalchemy import ColumnElement, or_, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from identity.domain.claims import OneTimeClaims, Purpose
from identity.domain.credentials import Credential
from identity.domain.errors import InvalidToken, NotFound
from identity.domain.events import Event, Outcome
from identity.domain.exposure import Exposure
from identity.domain.mail import MailKind
from identity.domain.ports import OneTimeTokens, Passwords
from identity.domain.principal import Principal
from identity.domain.values import canonical_email, read_password
from identity.domain.views import AccountView
from identity.services.accounts.email_changes import confirmed
from identity.services.authentication.throttle import LoginThrottle
from identity.services.limits.requests import RequestLimits
from identity.services.mail.one_time_tokens import (
    Redeemable,
    require_activation,
    require_invitation,
    require_reset,
)
from identity.services.work.accounts import (
    Mailbox,
    find_account,
    find_or_decoy,
    get_account,
    mailbox,
    subject_of,
    taken,
    view_account,
)
from identity.services.work.transaction import Transaction, Transactions
from identity.store.models import Account

_NAME_MAX: Final = 255


class Recovery:
    """Activates accounts and resets passwords.

    Args:
        transactions: reads and writes accounts.
        passwords: the admission queue before the password hash.
        tokens: verifies one-time tokens.
        throttle: clears the lock at the caller's IP after a reset.
        requests: limits requests for mails.
        exposure: what a hardened service hides or refuses.
    """

    def __init__(  # noqa: PLR0913 - collaborators and the policy
        self,
        transactions: Transactions,
        *,
        passwords: Passwords,
        tokens: OneTimeTokens,
        throttle: LoginThrottle,
        requests: RequestLimits,
        exposure: Exposure,
    ) -> None:
        self._transactions = transactions
        self._passwords = passwords
        self._tokens = tokens
        self._throttle = throttle
        self._requests = requests
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
        claims = self._verify(Purpose.ACTIVATION, token)
        try:
            return self._transactions.write(principal, lambda tx: self._activate(tx, claims, uuid))
        except IntegrityError as error:
            raise taken(error, "") from None

    def _activate(self, tx: Transaction, claims: OneTimeClaims, uuid: str | None) -> AccountView:
        redeemable = require_activation(tx.session, claims)
        account = redeemable.account
        if uuid not in {None, account.uuid}:
            raise InvalidToken
        if redeemable.of_pending:
            return self._confirm_pending(tx, claims, redeemable)
        if account.activated and account.email_verified:
            raise InvalidToken
        unconfirmed = or_(Account.activated.is_(False), Account.email_verified.is_(False))
        self._claim(
            tx.session,
            claims,
            redeemable.condition & unconfirmed,
            activated=True,
            email_verified=True,
        )
        tx.audit(
            Event.ACTIVATED,
            subject=subject_of(account),
            credential=Credential.MAILED_TOKEN,
        )
        return view_account(get_account(tx.session, account.id))

    def _confirm_pending(
        self, tx: Transaction, claims: OneTimeClaims, redeemable: Redeemable
    ) -> AccountView:
        account = redeemable.account
        former = mailbox(account)
        columns = confirmed(tx.session, account, tx.now)
        self._claim(tx.session, claims, redeemable.condition, **columns)
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

    def request_reset(self, principal: Principal, email: str) -> bool:
        """Mail a reset token to the account with this email; return whether there is one.

        The mail goes to the email as it is stored. Constant work: see docs/security.md#enumeration.

        Raises:
            RateLimited: too many resets were requested from the caller's IP, for any accounts.
        """
        self._requests.limits.take(*self._requests.reset(principal))
        return self._transactions.write(principal, partial(_mail_reset, email))

    def reset(
        self, principal: Principal, token: str, password: str, *, email: str | None = None
    ) -> None:
        """Set a password with the token of a reset or an invitation.

        All sessions of the account end, and its owner gets a mail. An invitation also confirms the
        email. The caller's IP becomes a known IP of the account.

        Args:
            principal: the caller.
            token: from the mail.
            password: the new one, raw.
            email: that the account must have; None for any.

        Raises:
            InvalidToken: the token is not valid, a newer one was mailed, or the account has another
                email.
            InvalidInput: the password is invalid; the token stays valid.
            Busy: the admission queue is full; the token stays valid.
        """
        claims, invited = self._verify_reset(token)
        redeemable = self._transactions.read(
            lambda session: _require_redeemable(session, claims, invited=invited)
        )
        account = redeemable.account
        if email is not None and canonical_email(email) != account.email_canonical:
            raise InvalidToken
        columns: dict[str, object] = {
            "must_change_password": False,
            "password_hash": self._hash(principal, account, password),
            "version": claims.version + 1,
            "pending_email": None,
        }
        if invited:  # the invitation has arrived, which confirms the email
            columns |= {"activated": True, "email_verified": True}
        self._transactions.write(
            principal, lambda tx: self._set_password(tx, claims, redeemable, columns)
        )

    def _hash(self, principal: Principal, account: Account, password: str) -> str:
        new = read_password(
            password,
            hardened=self._exposure.hardened,
            names=(account.username, account.email or ""),
        )
        with self._passwords.admit(principal.origin.ip, account.username) as hasher:
            return hasher.hash(new)

    def _set_password(
        self,
        tx: Transaction,
        claims: OneTimeClaims,
        redeemable: Redeemable,
        columns: dict[str, object],
    ) -> None:
        self._claim(tx.session, claims, redeemable.condition, **columns)
        changed = get_account(tx.session, redeemable.account.id)
        tx.mail(MailKind.PASSWORD_CHANGED, changed)
        tx.audit(
            Event.PASSWORD_CHANGED,
            subject=subject_of(changed),
            credential=Credential.MAILED_TOKEN,
        )
        self._throttle.admit(tx, changed.id, tx.principal.origin)  # also notifies the change

    def _verify_reset(self, token: str) -> tuple[OneTimeClaims, bool]:
        """Return the claims of a token that sets a password, and whether it is an invitation."""
        try:
            return self._verify(Purpose.RESET, token), False
        except InvalidToken:
            return self._verify(Purpose.INVITATION, token), True

    def _verify(self, purpose: Purpose, token: str) -> OneTimeClaims:
        claims = self._tokens.verify(purpose, token)
        if claims is None or self._transactions.now().timestamp() >= claims.expires_at:
            raise InvalidToken
        return claims

    def _claim(
        self, session: Session, claims: OneTimeClaims, where: ColumnElement[bool], **values: object
    ) -> None:
        statement = (
            update(Account)
            .where(Account.id == claims.account, Account.version == claims.version, where)
            .values({"updated_at": self._transactions.now(), **values})
            .returning(Account.id)
            .execution_options(synchronize_session=False)
        )
        if session.execute(statement).first() is None:
            raise InvalidToken
        session.expire_all()


def _mail_reset(email: str, tx: Transaction) -> bool:
    account, account_or_decoy = find_or_decoy(
        tx.session, Account.email_canonical == canonical_email(email)
    )
    # All are computed for a decoy too. Constant work: see docs/security.md#enumeration.
    owner = subject_of(account_or_decoy) if account_or_decoy else None
    own = mailbox(account_or_decoy) if account_or_decoy else None
    unowned = Mailbox(email, owned=False)
    if account_or_decoy is not None:
        to = own if account else unowned
        tx.mail(MailKind.RESET, account_or_decoy, to=to, requester=tx.principal.origin)
    tx.audit(
        Event.RESET_REQUESTED,
        subject=owner if account else None,
        name=email[:_NAME_MAX],
        outcome=Outcome.ACCEPTED if account else Outcome.REFUSED,
    )
    return account is not None


def _require_redeemable(session: Session, claims: OneTimeClaims, *, invited: bool) -> Redeemable:
    if invited:
        return require_invitation(session, claims)
    return require_reset(session, claims)
