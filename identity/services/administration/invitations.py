"""Invitations: an administrator makes an account, and its owner chooses the password by a link in a mail."""

from __future__ import annotations

from identity.domain.events import Event
from identity.domain.exposure import Exposure
from identity.domain.mail import MailKind
from identity.domain.ports import Identifiers
from identity.domain.principal import Principal
from identity.domain.usernames import require_own_email, require_unreserved
from identity.domain.values import read_email, read_full_name, read_username
from identity.domain.views import AccountView
from identity.services.accounts.email_claims import write_unique
from identity.services.accounts.new_account import ValidatedAccount, choose_username, new_account
from identity.services.work.accounts import subject_of, view_account
from identity.services.work.authorization import Authorization
from identity.services.work.transaction import Transaction, Transactions


class Invitations:
    """Makes accounts that have no password until their owners choose one."""

    def __init__(
        self,
        transactions: Transactions,
        *,
        identifiers: Identifiers,
        authorization: Authorization,
        exposure: Exposure,
    ) -> None:
        self._transactions = transactions
        self._identifiers = identifiers
        self._authorization = authorization
        self._exposure = exposure

    def invite(
        self,
        principal: Principal,
        email: str,
        *,
        username: str | None = None,
        full_name: str | None = None,
        admin: bool = False,
    ) -> AccountView:
        """Make an account and mail its owner a link that works once, for a week, and sets the password.

        Args:
            principal: an administrator.
            email: where the invitation goes; choosing the password confirms it.
            username: of the account; the email, if that can be a username, where none is given.
            full_name: of the account.
            admin: make it an administrator, which needs a fresh proof.

        Raises:
            Forbidden: the caller is no administrator.
            StepUpRequired: an administrator is wanted, and the proof is too old.
            InvalidInput: a value cannot be used.
            UsernameTaken, EmailTaken: another account has it.
        """
        self._authorization.require_admin(principal, fresh=admin)
        wanted = self._described(email, username, full_name)

        def insert(tx: Transaction) -> AccountView:
            account = new_account(wanted, self._identifiers, tx.now, admin=admin)
            tx.session.add(account)
            tx.session.flush()
            for event in (
                Event.REGISTERED,
                Event.INVITED,
                *((Event.ADMIN_GRANTED,) if admin else ()),
            ):
                tx.audit(event, subject=subject_of(account))
            tx.mail(MailKind.INVITATION, account)
            return view_account(account)

        name = wanted.username.raw
        return write_unique(self._transactions, principal, insert, username=name, discreet=False)

    def _described(
        self, email: str, username: str | None, full_name: str | None
    ) -> ValidatedAccount:
        own = read_email(email)
        name = (
            choose_username(own, self._transactions, self._identifiers)[0]
            if username is None
            else username
        )
        spelled = read_username(name)
        require_unreserved(spelled.canonical, self._exposure.reserved_usernames)
        require_own_email(spelled.raw, own.canonical)
        return ValidatedAccount(
            spelled, own, None if full_name is None else read_full_name(full_name), None
        )
