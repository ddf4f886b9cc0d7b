"""What people do with their own account."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from identity.domain.errors import CurrentPasswordRequired, InvalidInput, Unauthenticated
from identity.domain.events import Event
from identity.domain.mail import MailKind
from identity.domain.ports import Clock, Passwords
from identity.domain.principal import Origin, Principal
from identity.domain.usernames import require_own_email, require_unreserved
from identity.domain.values import (
    UNSET,
    Identifier,
    Unset,
    read_full_name,
    read_password,
    read_username,
)
from identity.domain.views import AccountView, PresentedAccount
from identity.services.accounts.email_changes import EmailChanges, read_wanted
from identity.services.accounts.email_claims import write_unique
from identity.services.authentication.passwords import Authentication
from identity.services.mail.limits import RequestedMails
from identity.services.mail.outbox import Outbox
from identity.services.work.accounts import get_own, invalidate_credentials, view_account
from identity.services.work.audit_log import Audit
from identity.services.work.authorization import Authorization
from identity.services.work.last_admin import require_remaining_admin
from identity.services.work.transaction import Transactions
from identity.store.models import ACCOUNTS, Account, LoginSession

_PRESENTED: Final = select(
    ACCOUNTS.c.email_canonical, ACCOUNTS.c.email_verified, ACCOUNTS.c.full_name
).where(
    ACCOUNTS.c.id == bindparam("id"),
    ACCOUNTS.c.version == bindparam("version"),
    ACCOUNTS.c.disabled.is_(False),
)


@dataclass(frozen=True, slots=True)
class ProfileChange:
    """What is wanted of a profile; UNSET leaves a field alone, None empties it."""

    username: str | Unset = UNSET
    email: str | Unset | None = UNSET
    full_name: str | Unset | None = UNSET

    def beyond(self, known: AccountView) -> ProfileChange:
        """Return what of this an account does not have already; only a confirmed address counts as one it has."""
        username = UNSET if self.username == known.username else self.username
        settled = known.email_verified and known.pending_email is None
        email = UNSET if settled and self.email == known.email else self.email
        return ProfileChange(username, email, self.full_name)

    def events(self) -> list[Event]:
        """Return what the audit trail calls this, but for a new email."""
        return [] if self.username is UNSET and self.full_name is UNSET else [Event.CHANGED]

    @property
    def sensitive(self) -> bool:
        """Whether a stolen token must not be enough for this."""
        return not (self.username is UNSET and self.email is UNSET)

    def columns(self) -> dict[str, object]:
        """Return the columns to set, but for a new email.

        Raises:
            InvalidInput: a value cannot be used.
        """
        values: dict[str, object] = {}
        if not isinstance(self.username, Unset):
            name = read_username(self.username)
            values |= {"username": name.raw, "username_canonical": name.canonical}
        if not isinstance(self.full_name, Unset):
            values["full_name"] = None if self.full_name is None else read_full_name(self.full_name)
        return values


class Profiles:
    """Reads, changes and deletes the caller's own account."""

    def __init__(  # noqa: PLR0913 - collaborators and two settings
        self,
        transactions: Transactions,
        *,
        clock: Clock,
        passwords: Passwords,
        authentication: Authentication,
        rights: Authorization,
        audit: Audit,
        outbox: Outbox,
        requested_mails: RequestedMails,
        reserved: frozenset[str],
        hardened: bool,
    ) -> None:
        self._transactions = transactions
        self._clock = clock
        self._passwords = passwords
        self._authentication = authentication
        self._rights = rights
        self._audit = audit
        self._outbox = outbox
        self._requested_mails = requested_mails
        self._emails = EmailChanges(outbox, clock, discreet=hardened)
        self._reserved = reserved
        self._hardened = hardened

    def fetch(self, principal: Principal) -> AccountView:
        """Return the caller's own account.

        Raises:
            Unauthenticated: it is gone, disabled, or has moved on since the credential was checked.
        """
        own = principal.account
        return self._transactions.read(
            lambda session: view_account(get_own(session, own, lock=False))
        )

    def presented(self, principal: Principal) -> PresentedAccount:
        """Return what services behind a proxy may hear of the caller's account; one statement, no transaction.

        Raises:
            Unauthenticated: as `read`.
        """
        own = principal.account
        row = self._transactions.row(_PRESENTED, {"id": own.id, "version": own.version})
        if row is None:
            raise Unauthenticated
        return PresentedAccount(row.email_canonical if row.email_verified else None, row.full_name)

    def change(
        self,
        principal: Principal,
        wanted: ProfileChange,
        *,
        password: str | None = None,
        current_password: str | None = None,
        fresh_proof_suffices: bool = False,
    ) -> AccountView:
        """Change the caller's own account.

        A new password needs the current one and revokes every session but the one that asked. A new
        name or email needs recent authentication, or the current password. In a dialect that has no
        field for the current password, `fresh_proof_suffices` for a new password too. The owner is
        mailed about a new password, and about a new email at the old one, which stays in force until
        the new one is confirmed (`services.accounts.email_changes`). A request that changes nothing
        writes nothing.

        Raises:
            InvalidInput, UsernameTaken, EmailTaken, Busy: as when registering; EmailTaken never when hardened.
            RateLimited: too many mails were asked for from this IP; administrators are not limited.
            StepUpRequired, CurrentPasswordRequired, WrongPassword: the proof is too old, missing or wrong.
        """
        if current_password is None and (wanted.sensitive or password is not None):
            self._rights.require_fresh_proof(principal)
        known = self.fetch(principal)
        wanted = wanted.beyond(known)
        own, values, email = principal.account, wanted.columns(), read_wanted(wanted.email)
        require_unreserved(str(values.get("username_canonical", "")), self._reserved)
        new = None if password is None else self._read_password(password, known, wanted)
        if new is not None and current_password is None and not fresh_proof_suffices:
            raise CurrentPasswordRequired
        proven_at = self._prove(principal, current_password)
        if isinstance(email, Identifier):
            self._requested_mails.take(principal)
        if new is not None:
            with self._passwords.admit(principal.origin.ip, own.username) as hasher:
                values["password_hash"] = hasher.hash(new)

        def apply(session: Session) -> AccountView:
            account = get_own(session, own)
            if not values and email is UNSET:
                return view_account(account)
            for name, value in values.items():
                setattr(account, name, value)
            account.updated_at = self._clock.now()
            events = wanted.events()
            if new is not None:
                invalidate_credentials(account)
                account.must_change_password = False
                _keep_session(session, principal.session, account.version, proven_at)
                self._outbox.put(session, MailKind.PASSWORD_CHANGED, account)
                events.append(Event.PASSWORD_CHANGED)
            events += self._emails.change(session, account, email, requester=principal.origin)
            self._require_own_name(account, wanted)
            for event in events:
                self._audit.record(session, event, principal)
            self._transactions.note_change(session, own.id)
            session.flush()
            return view_account(account)

        name = str(values.get("username", ""))
        return write_unique(
            self._transactions, principal, apply, username=name, discreet=self._hardened
        )

    def replace_password(self, login: str, password: str, *, new: str, origin: Origin) -> None:
        """Replace a password by proving it, also one that must be changed; all sessions of the account end.

        Raises:
            InvalidInput: the new one cannot be used, or is the current one.
            Unauthenticated, RateLimited, Busy: as for a login.
        """
        if new == password:
            raise InvalidInput.of("password", "choose another password than the current one")
        proven = self._authentication.by_password(login, password, origin, to_change=True)
        self.change(proven, ProfileChange(), password=new, fresh_proof_suffices=True)

    def delete(self, principal: Principal) -> None:
        """Delete the caller's own account, its sessions with it.

        Raises:
            StepUpRequired: the proof is too old.
            LastAdmin: nobody would be left to administer the service.
        """
        self._rights.require_fresh_proof(principal)
        own = principal.account

        def remove(session: Session) -> None:
            require_remaining_admin(session, leaving=own.id)
            session.delete(get_own(session, own))
            self._audit.record(session, Event.DELETED, principal)
            self._transactions.note_change(session, own.id)

        self._transactions.write(principal, remove, lock_admins=True)

    def _read_password(self, password: str, known: AccountView, wanted: ProfileChange) -> str:
        names = (known.username, known.email, wanted.username, wanted.email)
        given = tuple(name for name in names if isinstance(name, str))
        return read_password(password, hardened=self._hardened, names=given)

    def _require_own_name(self, account: Account, wanted: ProfileChange) -> None:
        if wanted.username is UNSET:
            return
        # Hardened, an email that is not confirmed may be another account's, and the answer must not tell.
        own = account.email_verified or not self._hardened
        require_own_email(account.username, account.email_canonical if own else None)

    def _prove(self, principal: Principal, current_password: str | None) -> datetime | None:
        if current_password is None:
            return principal.authenticated_at
        return self._authentication.confirm(principal, current_password)


def _keep_session(
    session: Session, session_id: str | None, version: int, proven_at: datetime | None
) -> None:
    # The session that proved the current password lives on in the new version; the others stay behind.
    session.execute(
        update(LoginSession)
        .where(LoginSession.id == session_id)
        .values(version=version, authenticated_at=proven_at)
    )
