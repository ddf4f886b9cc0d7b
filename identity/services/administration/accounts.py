"""What administrators do with other accounts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from sqlalchemy.exc import IntegrityError

from identity.domain.account_ref import AccountRef
from identity.domain.errors import OwnAccount
from identity.domain.events import Event
from identity.domain.exposure import Exposure
from identity.domain.mail import MailKind
from identity.domain.ports import Passwords
from identity.domain.principal import Principal
from identity.domain.usernames import require_own_email
from identity.domain.values import read_password
from identity.domain.views import AccountView
from identity.services.accounts.changes import PreparedChange, ProfileChange, prepare
from identity.services.accounts.email_changes import EmailChanges
from identity.services.administration.account_list import AccountList
from identity.services.authentication.throttle import LoginThrottle
from identity.services.mail.outbox import Outbox, OutboxState
from identity.services.work.accounts import get_account, subject_of, taken
from identity.services.work.authorization import Authorization
from identity.services.work.last_admin import require_remaining_admin
from identity.services.work.transaction import Transaction, Transactions
from identity.store.models import Account

_Apply = Callable[[Transaction, Account], Sequence[Event]]
_ADMIN_EVENTS: Final = {True: Event.ADMIN_GRANTED, False: Event.ADMIN_WITHDRAWN}


class Administration:
    """Changes, disables and deletes accounts.

    Every method raises Forbidden if the caller is not an administrator. Methods that give control
    of an account, or cannot be undone, raise StepUpRequired if the authentication is too old.

    Args:
        transactions: writes accounts.
        account_list: shows accounts.
        passwords: the admission queue before the password hash.
        throttle: clears locks.
        authorization: requires administrators.
        outbox: counts mails.
        exposure: what a hardened service hides or refuses.
    """

    def __init__(  # noqa: PLR0913 - collaborators and the policy
        self,
        transactions: Transactions,
        *,
        account_list: AccountList,
        passwords: Passwords,
        throttle: LoginThrottle,
        authorization: Authorization,
        outbox: Outbox,
        exposure: Exposure,
    ) -> None:
        self._transactions = transactions
        self._accounts = account_list
        self._passwords = passwords
        self._throttle = throttle
        self._authorization = authorization
        self._outbox = outbox
        self._emails = EmailChanges(discreet=False)
        self._exposure = exposure

    def outbox(self, principal: Principal) -> OutboxState:
        """Return how many mails are waiting, sent and parked."""
        self._authorization.require_admin(principal)
        return self._outbox.state()

    def change(  # noqa: PLR0913 - what an administrator may change, each by its name
        self,
        principal: Principal,
        ref: AccountRef,
        values: ProfileChange,
        *,
        admin: bool | None = None,
        password: str | None = None,
        must_change: bool | None = None,
    ) -> AccountView:
        """Change an account. Everything but the full name needs recent authentication.

        A new password, or `must_change`, invalidates all sessions and certificates of the account.
        The owner gets a mail about a new password. A new email is announced at the old one, which
        stays in force until the new one is confirmed.

        Args:
            principal: an administrator.
            ref: the account.
            values: the new profile.
            admin: whether the account is an administrator; None for no change.
            password: the new one, raw; None for no change.
            must_change: whether the owner must choose another password before they can log in.

        Raises:
            NotFound, InvalidInput, UsernameTaken, EmailTaken, Busy.
            LastAdmin: the account is the only active administrator.
        """
        others = (admin, password, must_change)
        fresh = values.sensitive or any(value is not None for value in others)
        self._authorization.require_admin(principal, fresh=fresh)
        change = prepare(values, self._accounts.fetch(principal, ref), self._exposure)
        if admin is not None:
            change.columns["admin"] = admin
        self._add_password(principal, change, password, must_change=must_change)
        try:
            return self._act(principal, ref, partial(self._apply, change))
        except IntegrityError as error:
            raise taken(error, change.username) from None

    def _add_password(
        self,
        principal: Principal,
        change: PreparedChange,
        password: str | None,
        *,
        must_change: bool | None,
    ) -> None:
        if password is not None:
            change.columns["password_hash"] = self._hash(principal, password)
            must_change = bool(must_change)
        if must_change is not None:
            change.columns["must_change_password"] = must_change

    def _apply(self, change: PreparedChange, tx: Transaction, account: Account) -> Sequence[Event]:
        columns = change.columns
        if columns.get("admin") is False:
            require_remaining_admin(tx.session, leaving=account.id)
        change.apply(account)
        if "password_hash" in columns or columns.get("must_change_password"):
            tx.end_credentials(account)
        if "password_hash" in columns:
            tx.mail(MailKind.PASSWORD_CHANGED, account)
        events = change.values.events() + self._emails.change(
            tx, account, change.email, requester=tx.principal.origin
        )
        if change.username:
            require_own_email(account.username, account.email_canonical)
        if "admin" in columns:
            events.append(_ADMIN_EVENTS[account.admin])
        if "password_hash" in columns:
            events.append(Event.PASSWORD_CHANGED)
        return events or [Event.CHANGED]

    def disable(self, principal: Principal, ref: AccountRef) -> AccountView:
        """Disable an account, which invalidates its credentials. Repeating it has no effect.

        Raises:
            NotFound: there is no such account.
            OwnAccount: it is the caller's own account.
            LastAdmin: it is the only active administrator.
        """
        self._authorization.require_admin(principal)
        return self._act(principal, ref, _disable)

    def enable(self, principal: Principal, ref: AccountRef) -> AccountView:
        """Enable an account again. Its former sessions and certificates stay invalid.

        Raises:
            NotFound: there is no such account.
        """
        self._authorization.require_admin(principal)
        return self._act(principal, ref, _enable)

    def unlock(self, principal: Principal, ref: AccountRef) -> AccountView:
        """Clear the failed attempts of an account, from all clients.

        Raises:
            NotFound: there is no such account.
        """
        self._authorization.require_admin(principal)
        return self._act(principal, ref, self._unlock)

    def _unlock(self, tx: Transaction, account: Account) -> Sequence[Event]:
        self._throttle.unlock(tx, account)
        return [Event.UNLOCKED]

    def revoke_sessions(self, principal: Principal, ref: AccountRef) -> AccountView:
        """Invalidate every session and certificate of an account. Its password stays valid.

        Raises:
            NotFound: there is no such account.
        """
        self._authorization.require_admin(principal, fresh=True)
        return self._act(principal, ref, _revoke_sessions)

    def delete(self, principal: Principal, ref: AccountRef) -> None:
        """Delete an account and its sessions. Its username can be used again, its id never.

        Raises:
            NotFound: there is no such account.
            LastAdmin: it is the only active administrator.
        """
        self._authorization.require_admin(principal, fresh=True)
        self._act(principal, ref, _delete)

    def _hash(self, principal: Principal, password: str) -> str:
        new = read_password(password, hardened=self._exposure.hardened)
        with self._passwords.admit(principal.origin.ip, principal.account.username) as hasher:
            return hasher.hash(new)

    def _act(self, principal: Principal, ref: AccountRef, apply: _Apply) -> AccountView:
        return self._transactions.write(
            principal, lambda tx: self._act_in(tx, ref, apply), lock_admins=True
        )

    def _act_in(self, tx: Transaction, ref: AccountRef, apply: _Apply) -> AccountView:
        account = get_account(tx.session, ref, lock=True)
        subject = subject_of(account)
        events = apply(tx, account)
        account.updated_at = tx.now
        for event in events:
            tx.audit(event, subject=subject)
        tx.changed(subject.id)
        tx.session.flush()
        return self._accounts.views(tx.session, account)[0]


def _disable(tx: Transaction, account: Account) -> Sequence[Event]:
    if account.id == tx.principal.account.id:
        raise OwnAccount
    require_remaining_admin(tx.session, leaving=account.id)
    if not account.disabled:
        tx.end_credentials(account)
    account.disabled = True
    return [Event.DISABLED]


def _enable(_tx: Transaction, account: Account) -> Sequence[Event]:
    account.disabled = False
    return [Event.ENABLED]


def _revoke_sessions(tx: Transaction, account: Account) -> Sequence[Event]:
    tx.end_credentials(account)
    return [Event.SESSIONS_REVOKED]


def _delete(tx: Transaction, account: Account) -> Sequence[Event]:
    require_remaining_admin(tx.session, leaving=account.id)
    tx.session.delete(account)
    return [Event.DELETED]
