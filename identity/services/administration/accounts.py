"""What administrators do with other people's accounts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from sqlalchemy import or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from identity.domain.account_ref import AccountRef
from identity.domain.errors import OwnAccount
from identity.domain.events import Event
from identity.domain.exposure import Exposure
from identity.domain.mail import MailKind
from identity.domain.ports import Passwords
from identity.domain.principal import Principal
from identity.domain.usernames import require_own_email
from identity.domain.values import canonical, read_password
from identity.domain.views import AccountView, Page
from identity.services.accounts.changes import PreparedChange, ProfileChange, prepare
from identity.services.accounts.email_changes import EmailChanges
from identity.services.authentication.throttle import LoginThrottle
from identity.services.mail.outbox import Outbox, OutboxState
from identity.services.work.accounts import (
    get_account,
    paged,
    subject_of,
    taken,
    view_account,
)
from identity.services.work.authorization import Authorization
from identity.services.work.last_admin import require_remaining_admin
from identity.services.work.transaction import Transaction, Transactions
from identity.store.models import Account

_Apply = Callable[[Transaction, Account], Sequence[Event]]
_RIGHTS: Final = {True: Event.ADMIN_GRANTED, False: Event.ADMIN_WITHDRAWN}


class Administration:
    """Lists, reads, changes and ends accounts. Everything here raises Forbidden to all but administrators.

    What takes an account over or cannot be taken back also raises StepUpRequired where the proof is too old.
    """

    def __init__(  # noqa: PLR0913 - collaborators and the policy
        self,
        transactions: Transactions,
        *,
        passwords: Passwords,
        throttle: LoginThrottle,
        authorization: Authorization,
        outbox: Outbox,
        exposure: Exposure,
    ) -> None:
        self._transactions = transactions
        self._passwords = passwords
        self._throttle = throttle
        self._authorization = authorization
        self._outbox = outbox
        self._emails = EmailChanges(discreet=False)
        self._exposure = exposure

    def list(
        self, principal: Principal, *, search: str | None, cursor: int | None, limit: int
    ) -> Page[AccountView]:
        """Return accounts, newest first, whose name or address contains `search` in any letter case."""
        self._authorization.require_admin(principal)
        query = select(Account)
        if search:
            needle = canonical(search)
            columns = (Account.username_canonical, Account.email_canonical)
            query = query.where(
                or_(*(column.contains(needle, autoescape=True) for column in columns))
            )

        def read(session: Session) -> Page[AccountView]:
            page = paged(session, query, Account.id, cursor=cursor, limit=limit)
            return Page(self._views(session, *page.items), page.cursor)

        return self._transactions.read(read)

    def outbox(self, principal: Principal) -> OutboxState:
        """Return how the mail goes."""
        self._authorization.require_admin(principal)
        return self._outbox.state()

    def fetch(self, principal: Principal, ref: AccountRef) -> AccountView:
        """Return one account.

        Raises:
            NotFound: there is none.
        """
        self._authorization.require_admin(principal)
        return self._transactions.read(
            lambda session: self._views(session, get_account(session, ref))[0]
        )

    def change(  # noqa: PLR0913 - what an administrator may change, each by its name
        self,
        principal: Principal,
        ref: AccountRef,
        wanted: ProfileChange,
        *,
        admin: bool | None = None,
        password: str | None = None,
        must_change: bool | None = None,
    ) -> AccountView:
        """Change an account's name, address, full name, administrator's rights or password.

        A new password ends all sessions and certificates of the account, and so does `must_change`, which has the
        owner choose another password before they can log in. They are told of a new password, and of a new email at
        the old one, which stays in force until the new one is confirmed. All but the full name needs a fresh proof.

        Raises:
            NotFound, InvalidInput, UsernameTaken, EmailTaken, Busy.
            LastAdmin: the rights of the only administrator would go.
        """
        fresh = wanted.sensitive or any(
            given is not None for given in (admin, password, must_change)
        )
        self._authorization.require_admin(principal, fresh=fresh)
        change = prepare(wanted, self.fetch(principal, ref), self._exposure)
        if admin is not None:
            change.columns["admin"] = admin
        if password is not None:
            change.columns["password_hash"] = self._hash(principal, password)
        if password is not None or must_change is not None:
            change.columns["must_change_password"] = bool(must_change)
        try:
            return self._act(principal, ref, partial(self._apply, change))
        except IntegrityError as error:
            raise taken(error, change.username) from None

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
            events.append(_RIGHTS[account.admin])
        if "password_hash" in columns:
            events.append(Event.PASSWORD_CHANGED)
        return events or [Event.CHANGED]

    def disable(self, principal: Principal, ref: AccountRef) -> AccountView:
        """Close every way in: no login, and all sessions end. Doing it again changes nothing.

        Raises:
            NotFound.
            OwnAccount: nobody disables himself.
            LastAdmin: the only administrator stays.
        """
        self._authorization.require_admin(principal)

        def apply(tx: Transaction, account: Account) -> Sequence[Event]:
            if account.id == principal.account.id:
                raise OwnAccount
            require_remaining_admin(tx.session, leaving=account.id)
            if not account.disabled:
                tx.end_credentials(account)
            account.disabled = True
            return [Event.DISABLED]

        return self._act(principal, ref, apply)

    def enable(self, principal: Principal, ref: AccountRef) -> AccountView:
        """Let the account log in again; sessions from before stay ended.

        Raises:
            NotFound.
        """
        self._authorization.require_admin(principal)

        def apply(_tx: Transaction, account: Account) -> Sequence[Event]:
            account.disabled = False
            return [Event.ENABLED]

        return self._act(principal, ref, apply)

    def unlock(self, principal: Principal, ref: AccountRef) -> AccountView:
        """Forget the failed attempts for this account, from wherever they came.

        Raises:
            NotFound.
        """
        self._authorization.require_admin(principal)

        def apply(tx: Transaction, account: Account) -> Sequence[Event]:
            self._throttle.unlock(tx, account)
            return [Event.UNLOCKED]

        return self._act(principal, ref, apply)

    def revoke_sessions(self, principal: Principal, ref: AccountRef) -> AccountView:
        """End every session of the account; its password stays good.

        Raises:
            NotFound.
        """
        self._authorization.require_admin(principal, fresh=True)

        def apply(tx: Transaction, account: Account) -> Sequence[Event]:
            tx.end_credentials(account)
            return [Event.SESSIONS_REVOKED]

        return self._act(principal, ref, apply)

    def delete(self, principal: Principal, ref: AccountRef) -> None:
        """Delete the account and its sessions; its name is free again, its id is never used again.

        Raises:
            NotFound.
            LastAdmin: the only administrator stays.
        """
        self._authorization.require_admin(principal, fresh=True)

        def apply(tx: Transaction, account: Account) -> Sequence[Event]:
            require_remaining_admin(tx.session, leaving=account.id)
            tx.session.delete(account)
            return [Event.DELETED]

        self._act(principal, ref, apply)

    def _hash(self, principal: Principal, password: str) -> str:
        new = read_password(password, hardened=self._exposure.hardened)
        with self._passwords.admit(principal.origin.ip, principal.account.username) as hasher:
            return hasher.hash(new)

    def _act(self, principal: Principal, ref: AccountRef, apply: _Apply) -> AccountView:
        def act(tx: Transaction) -> AccountView:
            account = get_account(tx.session, ref, lock=True)
            subject = subject_of(account)
            events = apply(tx, account)
            account.updated_at = tx.now
            for event in events:
                tx.audit(event, subject=subject)
            tx.changed(subject.id)
            tx.session.flush()
            return self._views(tx.session, account)[0]

        return self._transactions.write(principal, act, lock_admins=True)

    def _views(self, session: Session, *accounts: Account) -> tuple[AccountView, ...]:
        locks = self._throttle.locked_until(session, accounts)
        return tuple(
            view_account(account, locked_until=locks.get(account.id)) for account in accounts
        )
