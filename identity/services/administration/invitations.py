"""Invitations: an administrator creates an account, and its owner chooses the password.

The owner gets a mail with a link for that.
"""

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
    """Creates accounts without a password, which their owners choose.

    Args:
        transactions: writes accounts.
        identifiers: makes UUIDs and short ids.
        authorization: requires administrators.
        exposure: has the reserved usernames.
    """

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
        """Create an account, and mail its owner a link that sets the password once, within a week.

        Args:
            principal: an administrator.
            email: of the owner; choosing the password confirms it.
            username: of the account; by default the email, if that is a valid username.
            full_name: of the owner.
            admin: make the account an administrator, which needs recent authentication.

        Raises:
            Forbidden: the caller is not an administrator.
            StepUpRequired: `admin` is set, and the caller's authentication is too old.
            InvalidInput: a value is invalid.
            UsernameTaken, EmailTaken: another account has it.
        """
        self._authorization.require_admin(principal, fresh=admin)
        values = self._validated(email, username, full_name)
        return write_unique(
            self._transactions,
            principal,
            lambda tx: self._insert(tx, values, admin=admin),
            username=values.username.raw,
            discreet=False,
        )

    def _insert(self, tx: Transaction, values: ValidatedAccount, *, admin: bool) -> AccountView:
        account = new_account(values, self._identifiers, tx.now, admin=admin)
        tx.session.add(account)
        tx.session.flush()
        events = [Event.REGISTERED, Event.INVITED]
        if admin:
            events.append(Event.ADMIN_GRANTED)
        for event in events:
            tx.audit(event, subject=subject_of(account))
        tx.mail(MailKind.INVITATION, account)
        return view_account(account)

    def _validated(
        self, email: str, username: str | None, full_name: str | None
    ) -> ValidatedAccount:
        own_email = read_email(email)
        if username is None:
            username, _ = choose_username(own_email, self._transactions, self._identifiers)
        identifier = read_username(username)
        require_unreserved(identifier.canonical, self._exposure.reserved_usernames)
        require_own_email(identifier.raw, own_email.canonical)
        name = None if full_name is None else read_full_name(full_name)
        return ValidatedAccount(identifier, own_email, name, password_hash=None)
