"""What users do with their own account."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import bindparam, select, update

from identity.domain.errors import CurrentPasswordRequired, InvalidInput, Unauthenticated
from identity.domain.events import Event
from identity.domain.exposure import Exposure
from identity.domain.mail import MailKind
from identity.domain.ports import Passwords
from identity.domain.principal import Origin, Principal, Subject
from identity.domain.usernames import require_own_email
from identity.domain.values import UNSET, Identifier, read_password
from identity.domain.views import AccountView, PresentedAccount
from identity.services.accounts.changes import PreparedChange, ProfileChange, prepare
from identity.services.accounts.email_changes import EmailChanges
from identity.services.accounts.email_claims import write_unique
from identity.services.authentication.passwords import Authentication
from identity.services.limits.requests import RequestLimits
from identity.services.work.accounts import get_own, view_account
from identity.services.work.authorization import Authorization
from identity.services.work.last_admin import require_remaining_admin
from identity.services.work.transaction import Transaction, Transactions
from identity.store.models import ACCOUNTS, Account, LoginSession

_PRESENTED: Final = select(
    ACCOUNTS.c.email_canonical, ACCOUNTS.c.email_verified, ACCOUNTS.c.full_name
).where(
    ACCOUNTS.c.id == bindparam("id"),
    ACCOUNTS.c.version == bindparam("version"),
    ACCOUNTS.c.disabled.is_(False),
)


class Profiles:
    """Reads, changes and deletes the caller's own account.

    Args:
        transactions: reads and writes accounts.
        passwords: the admission queue before the password hash.
        authentication: checks the current password.
        authorization: requires recent authentication.
        requests: limits mails.
        exposure: what a hardened service hides or refuses.
    """

    def __init__(  # noqa: PLR0913 - collaborators and the policy
        self,
        transactions: Transactions,
        *,
        passwords: Passwords,
        authentication: Authentication,
        authorization: Authorization,
        requests: RequestLimits,
        exposure: Exposure,
    ) -> None:
        self._transactions = transactions
        self._passwords = passwords
        self._authentication = authentication
        self._authorization = authorization
        self._requests = requests
        self._emails = EmailChanges(discreet=exposure.hides_emails)
        self._exposure = exposure

    def fetch(self, principal: Principal) -> AccountView:
        """Return the caller's own account.

        Raises:
            Unauthenticated: the account was deleted or disabled, or its credentials were
                invalidated.
        """
        own = principal.account
        return self._transactions.read(
            lambda session: view_account(get_own(session, own, lock=False))
        )

    def presented(self, principal: Principal) -> PresentedAccount:
        """Return what forward authentication tells a service about the caller's account.

        Raises:
            Unauthenticated: as for `fetch`.
        """
        own = principal.account
        row = self._transactions.row(_PRESENTED, {"id": own.id, "version": own.version})
        if row is None:
            raise Unauthenticated
        return PresentedAccount(row.email_canonical if row.email_verified else None, row.full_name)

    def change(
        self,
        principal: Principal,
        values: ProfileChange,
        *,
        password: str | None = None,
        current_password: str | None = None,
        recent_authentication_suffices: bool = False,
    ) -> AccountView:
        """Change the caller's own account.

        A new password needs the current one, and revokes all sessions but the caller's. A new
        username or email needs recent authentication or the current password. The owner gets a mail
        about a new password. A new email is announced at the old one, which stays in force until
        the new one is confirmed. A request that changes nothing writes nothing.

        Args:
            principal: the caller.
            values: the new values.
            password: the new one, raw.
            current_password: raw.
            recent_authentication_suffices: it replaces the current password, for dialects that
                have no field for one.

        Raises:
            InvalidInput, UsernameTaken, EmailTaken, Busy, RateLimited: as for `Accounts.register`.
            StepUpRequired, CurrentPasswordRequired, WrongPassword: the authentication is too old,
                the current password is missing or wrong.
        """
        if current_password is None and (values.sensitive or password is not None):
            self._authorization.require_recent_authentication(principal)
        account = self.fetch(principal)
        change = prepare(values, account, self._exposure)
        new = None if password is None else self._read_password(password, account, values)
        if new is not None and current_password is None and not recent_authentication_suffices:
            raise CurrentPasswordRequired
        return self._write(principal, change, new, current_password)

    def _write(
        self,
        principal: Principal,
        change: PreparedChange,
        new: str | None,
        current_password: str | None,
    ) -> AccountView:
        authenticated_at = self._confirm(principal, current_password)
        if isinstance(change.email, Identifier):
            self._requests.limits.take(*self._requests.mail(principal))
        new_hash = None if new is None else self._hash(principal, new)
        return write_unique(
            self._transactions,
            principal,
            lambda tx: self._apply(tx, change, new_hash, authenticated_at),
            username=change.username,
            discreet=self._exposure.hides_emails,
        )

    def _apply(
        self,
        tx: Transaction,
        change: PreparedChange,
        new_hash: str | None,
        authenticated_at: datetime | None,
    ) -> AccountView:
        account = get_own(tx.session, tx.principal.account)
        if change.is_empty and new_hash is None:
            return view_account(account)
        change.apply(account)
        account.updated_at = tx.now
        events = change.values.events()
        if new_hash is not None:
            self._set_password(tx, account, new_hash, authenticated_at)
            events.append(Event.PASSWORD_CHANGED)
        events += self._emails.change(tx, account, change.email, requester=tx.principal.origin)
        self._require_own_name(account, change.values)
        for event in events:
            tx.audit(event)
        tx.changed(account.id)
        tx.session.flush()
        return view_account(account)

    def _set_password(
        self, tx: Transaction, account: Account, new_hash: str, authenticated_at: datetime | None
    ) -> None:
        account.password_hash = new_hash
        account.must_change_password = False
        tx.end_credentials(account)
        # The session that sent the current password gets the new version; the others end.
        tx.session.execute(
            update(LoginSession)
            .where(LoginSession.id == tx.principal.session)
            .values(version=account.version, authenticated_at=authenticated_at)
        )
        tx.mail(MailKind.PASSWORD_CHANGED, account)

    def replace_password(self, login: str, password: str, *, new: str, origin: Origin) -> None:
        """Replace a password by authenticating with it, even one that must be changed.

        All sessions of the account end.

        Args:
            login: the identifier, raw.
            password: the current one, raw.
            new: the new one, raw.
            origin: of the request.

        Raises:
            InvalidInput: the new one is invalid, or is the current one.
            Unauthenticated, RateLimited, Busy: as for a login.
        """
        if new == password:
            raise InvalidInput.of("password", "choose a password other than the current one")
        proven = self._authentication.by_password(login, password, origin, to_change=True)
        self.change(proven, ProfileChange(), password=new, recent_authentication_suffices=True)

    def delete(self, principal: Principal) -> None:
        """Delete the caller's own account and its sessions.

        Raises:
            StepUpRequired: the authentication is too old.
            LastAdmin: the account is the only active administrator.
        """
        self._authorization.require_recent_authentication(principal)
        own = principal.account
        self._transactions.write(principal, lambda tx: _delete(tx, own), lock_admins=True)

    def _hash(self, principal: Principal, password: str) -> str:
        with self._passwords.admit(principal.origin.ip, principal.account.username) as hasher:
            return hasher.hash(password)

    def _read_password(self, password: str, account: AccountView, values: ProfileChange) -> str:
        names = (account.username, account.email, values.username, values.email)
        own_names = tuple(name for name in names if isinstance(name, str))
        return read_password(password, hardened=self._exposure.hardened, names=own_names)

    def _require_own_name(self, account: Account, values: ProfileChange) -> None:
        if values.username is UNSET:
            return
        # Another account may own an unconfirmed email, which a discreet service must not reveal.
        own = account.email_verified or not self._exposure.hides_emails
        require_own_email(account.username, account.email_canonical if own else None)

    def _confirm(self, principal: Principal, current_password: str | None) -> datetime | None:
        if current_password is None:
            return principal.authenticated_at
        return self._authentication.confirm(principal, current_password)


def _delete(tx: Transaction, own: Subject) -> None:
    require_remaining_admin(tx.session, leaving=own.id)
    tx.session.delete(get_own(tx.session, own))
    tx.audit(Event.DELETED)
    tx.changed(own.id)
