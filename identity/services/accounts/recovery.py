"""Proving an address, and getting back in without the password, by tokens that mails carry.

A token says which version of the account it belongs to, and redeeming it is one conditional UPDATE on that
version: a second use, or sixteen at once, finds no row.
"""

from __future__ import annotations

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
    """Activation and password reset."""

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
        """Activate the account a mailed token belongs to, and confirm the email that it was mailed to.

        A pending email takes the place of the one in force, which is told.

        Raises:
            InvalidToken: it cannot be used (any more), or is not of the account with this `uuid`.
            EmailTaken: another account has had the pending email confirmed or registered meanwhile.
        """
        claims = self._read(Purpose.ACTIVATION, token)

        def redeem(tx: Transaction) -> AccountView:
            found = require_activation(tx.session, claims)
            account = found.account
            if uuid not in {None, account.uuid}:
                raise InvalidToken
            if found.of_pending:
                return self._confirm_pending(tx, claims, found)
            if account.activated and account.email_verified:
                raise InvalidToken
            unproven = or_(Account.activated.is_(False), Account.email_verified.is_(False))
            self._claim(
                tx.session, claims, found.condition & unproven, activated=True, email_verified=True
            )
            tx.audit(
                Event.ACTIVATED,
                subject=subject_of(account),
                credential=Credential.MAILED_TOKEN,
            )
            return view_account(get_account(tx.session, account.id))

        try:
            return self._transactions.write(principal, redeem)
        except IntegrityError as error:
            raise taken(error, "") from None

    def _confirm_pending(
        self, tx: Transaction, claims: OneTimeClaims, found: Redeemable
    ) -> AccountView:
        account, former = found.account, mailbox(found.account)
        self._claim(tx.session, claims, found.condition, **confirmed(tx.session, account, tx.now))
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
        """Activate an account by its id alone, as seed 002 documents; proves nothing of the address.

        Raises:
            NotFound: there is no such account, or the service is hardened.
        """

        def activate(tx: Transaction) -> AccountView:
            account = find_account(tx.session, Account.uuid == uuid)
            if account is None or not self._exposure.activates_by_id:
                raise NotFound("user")
            if not account.activated:
                account.activated = True
                tx.audit(Event.ACTIVATED, subject=subject_of(account))
                tx.session.flush()
            return view_account(account)

        return self._transactions.write(principal, activate)

    def request_reset(self, principal: Principal, email: str) -> bool:
        """Mail a token to the account with this address, to the address as it is stored, and tell if there is one.

        An address that nobody has costs the same work.

        Raises:
            RateLimited: too many were asked for from the caller's own address, whoever they were for.
        """
        self._requests.limits.take(*self._requests.reset(principal))

        def request(tx: Transaction) -> bool:
            account, anybody = find_or_decoy(
                tx.session, Account.email_canonical == canonical_email(email)
            )
            # Both, whoever it is: what is left out would tell.
            owner, own = (subject_of(anybody), mailbox(anybody)) if anybody else (None, None)
            nobodys = Mailbox(email, owned=False)
            if anybody is not None:
                to = own if account else nobodys
                tx.mail(MailKind.RESET, anybody, to=to, requester=principal.origin)
            tx.audit(
                Event.RESET_REQUESTED,
                subject=owner if account else None,
                name=email[:_NAME_MAX],
                outcome=Outcome.ACCEPTED if account else Outcome.REFUSED,
            )
            return account is not None

        return self._transactions.write(principal, request)

    def reset(
        self, principal: Principal, token: str, password: str, *, email: str | None = None
    ) -> None:
        """Set a password with the token of a reset or an invitation; every session ends and the owner is told.

        An invitation also confirms the email.

        The caller's IP is known for the account from then on: a lock of its name does not keep them out there.

        Raises:
            InvalidToken: it cannot be used (any more), a newer one was mailed, or the account has not this `email`.
            InvalidInput: the password cannot be used; the token still can.
            Busy: too many passwords are waiting; the token still can be used.
        """
        invited, claims = self._read_first(token)
        require = require_invitation if invited else require_reset
        found = self._transactions.read(lambda session: require(session, claims))
        account = found.account
        if email is not None and canonical_email(email) != account.email_canonical:
            raise InvalidToken
        new = read_password(
            password,
            hardened=self._exposure.hardened,
            names=(account.username, account.email or ""),
        )
        with self._passwords.admit(principal.origin.ip, account.username) as hasher:
            password_hash = hasher.hash(new)

        def redeem(tx: Transaction) -> None:
            values = {
                "password_hash": password_hash,
                "version": claims.version + 1,
                "pending_email": None,
            }
            if invited:  # the mail has arrived, and so the email is proven
                values |= {"activated": True, "email_verified": True}
            self._claim(tx.session, claims, found.condition, must_change_password=False, **values)
            changed = get_account(tx.session, account.id)
            tx.mail(MailKind.PASSWORD_CHANGED, changed)
            tx.audit(
                Event.PASSWORD_CHANGED,
                subject=subject_of(changed),
                credential=Credential.MAILED_TOKEN,
            )
            self._throttle.admit(tx, account.id, principal.origin)  # also notes the change

        self._transactions.write(principal, redeem)

    def _read_first(self, token: str) -> tuple[bool, OneTimeClaims]:
        """Return whether a token that sets a password is one of an invitation, and what it says."""
        try:
            return False, self._read(Purpose.RESET, token)
        except InvalidToken:
            return True, self._read(Purpose.INVITATION, token)

    def _read(self, purpose: Purpose, token: str) -> OneTimeClaims:
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
