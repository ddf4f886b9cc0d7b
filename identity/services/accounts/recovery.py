"""Sets a password with the one-time token of a reset or an invitation."""

from __future__ import annotations

from functools import partial
from typing import Final

from sqlalchemy.orm import Session

from identity.domain.claims import OneTimeClaims, Purpose
from identity.domain.credentials import Credential
from identity.domain.errors import InvalidToken
from identity.domain.events import Event, Outcome
from identity.domain.exposure import Exposure
from identity.domain.mail import MailKind
from identity.domain.ports import OneTimeTokens, Passwords
from identity.domain.principal import Principal
from identity.domain.values import canonical_email, read_password
from identity.services.authentication.throttle import LoginThrottle
from identity.services.limits.requests import RequestLimits
from identity.services.mail.one_time_tokens import (
    Redeemable,
    redeem,
    require_invitation,
    require_reset,
    verified,
)
from identity.services.work.accounts import (
    Mailbox,
    find_or_decoy,
    get_account,
    mailbox,
    subject_of,
)
from identity.services.work.transaction import Transaction, Transactions
from identity.store.models import Account

_NAME_MAX: Final = 255


class Recovery:
    """Mails resets, and sets passwords with their tokens and those of invitations.

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
        redeem(tx.session, claims, redeemable.condition, now=tx.now, **columns)
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
        now = self._transactions.now()
        try:
            return verified(self._tokens, Purpose.RESET, token, now), False
        except InvalidToken:
            return verified(self._tokens, Purpose.INVITATION, token, now), True


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
