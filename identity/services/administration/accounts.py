"""What administrators do with other people's accounts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from sqlalchemy import or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from identity.domain.errors import NotFound, OwnAccount
from identity.domain.events import Event
from identity.domain.mail import MailKind
from identity.domain.ports import Clock, Passwords
from identity.domain.principal import Principal
from identity.domain.usernames import require_own_email, require_unreserved
from identity.domain.values import canonical, read_password
from identity.domain.views import AccountView, Page
from identity.services.accounts.email_changes import EmailChanges, read_wanted
from identity.services.accounts.profile import ProfileChange
from identity.services.authentication.throttle import LoginThrottle
from identity.services.mail.outbox import Outbox, OutboxState
from identity.services.work.accounts import (
    get_account,
    invalidate_credentials,
    paged,
    subject_of,
    taken,
    view_account,
)
from identity.services.work.audit_log import Audit
from identity.services.work.authorization import Authorization
from identity.services.work.last_admin import require_remaining_admin
from identity.services.work.transaction import Transactions
from identity.store.models import Account

_RIGHTS: Final = {True: Event.ADMIN_GRANTED, False: Event.ADMIN_WITHDRAWN}


class Administration:
    """Lists, reads, changes and ends accounts. Everything here raises Forbidden to all but administrators.

    What takes an account over or cannot be taken back also raises StepUpRequired where the proof is too old.
    """

    def __init__(  # noqa: PLR0913 - collaborators and two settings
        self,
        transactions: Transactions,
        *,
        clock: Clock,
        passwords: Passwords,
        attempts: LoginThrottle,
        rights: Authorization,
        outbox: Outbox,
        audit: Audit,
        reserved: frozenset[str],
        hardened: bool,
    ) -> None:
        self._transactions = transactions
        self._clock = clock
        self._passwords = passwords
        self._attempts = attempts
        self._rights = rights
        self._outbox = outbox
        self._emails = EmailChanges(outbox, clock, discreet=False)
        self._reserved = reserved
        self._hardened = hardened
        self._audit = audit

    def list(
        self, principal: Principal, *, search: str | None, cursor: int | None, limit: int
    ) -> Page[AccountView]:
        """Return accounts, newest first, whose name or address contains `search` in any letter case."""
        self._rights.require_admin(principal)
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
        self._rights.require_admin(principal)
        return self._outbox.state()

    def resolve(
        self,
        principal: Principal,
        *,
        short_id: str = "",
        uuid: str | None = None,
        username: str = "",
    ) -> int:
        """Return the id of the account that another of its names means; a username where no other one does.

        Raises:
            NotFound: there is none.
        """
        self._rights.require_admin(principal)
        named = Account.short_id == short_id if uuid is None else Account.uuid == uuid
        for where in (named, Account.username_canonical == canonical(username)):
            if row := self._transactions.row(select(Account.id).where(where), {}):
                found: int = row[0]
                return found
        raise NotFound("user")

    def fetch(self, principal: Principal, account_id: int) -> AccountView:
        """Return one account.

        Raises:
            NotFound: there is none.
        """
        self._rights.require_admin(principal)
        return self._transactions.read(
            lambda session: self._views(session, get_account(session, account_id))[0]
        )

    def change(  # noqa: PLR0913 - what an administrator may change, each by its name
        self,
        principal: Principal,
        account_id: int,
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
        self._rights.require_admin(principal, fresh=fresh)
        wanted = wanted.beyond(self.fetch(principal, account_id))
        email = read_wanted(wanted.email)
        values = wanted.columns() | ({} if admin is None else {"admin": admin})
        require_unreserved(str(values.get("username_canonical", "")), self._reserved)
        if password is not None:
            values["password_hash"] = self._hash(principal, password)
        if password is not None or must_change is not None:
            values["must_change_password"] = bool(must_change)

        def apply(session: Session, account: Account) -> list[Event]:
            if admin is False:
                require_remaining_admin(session, leaving=account.id)
            for name, value in values.items():
                setattr(account, name, value)
            if password is not None or must_change:
                invalidate_credentials(account)
            if password is not None:
                self._outbox.put(session, MailKind.PASSWORD_CHANGED, account)
            changed = self._emails.change(session, account, email, requester=principal.origin)
            if "username" in values:
                require_own_email(account.username, account.email_canonical)
            events = (
                wanted.events()
                + changed
                + [_RIGHTS[given] for given in (admin,) if given is not None]
            )
            return events + [Event.PASSWORD_CHANGED] * (password is not None) or [Event.CHANGED]

        try:
            return self._act(principal, account_id, (), apply)
        except IntegrityError as error:
            raise taken(error, str(values.get("username", ""))) from None

    def disable(self, principal: Principal, account_id: int) -> AccountView:
        """Close every way in: no login, and all sessions end. Doing it again changes nothing.

        Raises:
            NotFound.
            OwnAccount: nobody disables himself.
            LastAdmin: the only administrator stays.
        """
        if self._rights.require_admin(principal).id == account_id:
            raise OwnAccount

        def apply(session: Session, account: Account) -> None:
            require_remaining_admin(session, leaving=account.id)
            if not account.disabled:
                invalidate_credentials(account)
            account.disabled = True

        return self._act(principal, account_id, [Event.DISABLED], apply)

    def enable(self, principal: Principal, account_id: int) -> AccountView:
        """Let the account log in again; sessions from before stay ended.

        Raises:
            NotFound.
        """
        self._rights.require_admin(principal)

        def apply(_session: Session, account: Account) -> None:
            account.disabled = False

        return self._act(principal, account_id, [Event.ENABLED], apply)

    def unlock(self, principal: Principal, account_id: int) -> AccountView:
        """Forget the failed attempts for this account, from wherever they came.

        Raises:
            NotFound.
        """
        self._rights.require_admin(principal)

        def apply(session: Session, account: Account) -> None:
            self._attempts.unlock(session, account)

        return self._act(principal, account_id, [Event.UNLOCKED], apply)

    def revoke_sessions(self, principal: Principal, account_id: int) -> AccountView:
        """End every session of the account; its password stays good.

        Raises:
            NotFound.
        """
        self._rights.require_admin(principal, fresh=True)

        def apply(_session: Session, account: Account) -> None:
            invalidate_credentials(account)

        return self._act(principal, account_id, [Event.SESSIONS_REVOKED], apply)

    def delete(self, principal: Principal, account_id: int) -> None:
        """Delete the account and its sessions; its name is free again, its id is never used again.

        Raises:
            NotFound.
            LastAdmin: the only administrator stays.
        """
        self._rights.require_admin(principal, fresh=True)

        def apply(session: Session, account: Account) -> None:
            require_remaining_admin(session, leaving=account.id)
            session.delete(account)

        self._act(principal, account_id, [Event.DELETED], apply)

    def _hash(self, principal: Principal, password: str) -> str:
        new = read_password(password, hardened=self._hardened)
        with self._passwords.admit(principal.origin.ip, principal.account.username) as hasher:
            return hasher.hash(new)

    def _act(
        self,
        principal: Principal,
        account_id: int,
        events: Iterable[Event],
        apply: Callable[[Session, Account], Iterable[Event] | None],
    ) -> AccountView:
        def act(session: Session) -> AccountView:
            account = get_account(session, account_id, lock=True)
            subject = subject_of(account)
            happened = [*events, *(apply(session, account) or ())]
            account.updated_at = self._clock.now()
            for event in happened:
                self._audit.record(session, event, principal, subject=subject)
            self._transactions.note_change(session, subject.id)
            session.flush()
            return self._views(session, account)[0]

        return self._transactions.write(principal, act, lock_admins=True)

    def _views(self, session: Session, *accounts: Account) -> tuple[AccountView, ...]:
        locks = self._attempts.locked_until(session, accounts)
        return tuple(
            view_account(account, locked_until=locks.get(account.id)) for account in accounts
        )
