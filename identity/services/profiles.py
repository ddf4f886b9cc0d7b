"""What people do with their own account."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import update
from sqlalchemy.orm import Session

from identity.domain.errors import CurrentPasswordRequired, InvalidInput
from identity.domain.events import Event
from identity.domain.ports import Clock, Passwords
from identity.domain.principal import Origin, Principal
from identity.domain.usernames import require_own_email, require_unreserved
from identity.domain.values import KEEP, Keep, canonical_email, read_email, read_full_name, read_password, read_username
from identity.domain.views import AccountView
from identity.services.addresses import announce, write_unique, yield_address
from identity.services.admins import require_remaining_admin
from identity.services.audit import Audit
from identity.services.authentication import Authentication
from identity.services.outbox import Outbox
from identity.services.rights import Rights
from identity.services.rows import get_own, mailbox, view_account
from identity.services.transactions import Transactions
from identity.store.models import Account, LoginSession


@dataclass(frozen=True, slots=True)
class ProfileChange:
    """What is wanted of a profile; KEEP leaves a field alone, None empties it."""

    username: str | Keep = KEEP
    email: str | Keep | None = KEEP
    full_name: str | Keep | None = KEEP

    def beyond(self, known: AccountView) -> ProfileChange:
        """Return what of this an account does not have already; only a confirmed address counts as one it has."""
        username = KEEP if self.username == known.username else self.username
        email = KEEP if known.email_verified and self.email == known.email else self.email
        return ProfileChange(username, email, self.full_name)

    def events(self) -> list[Event]:
        """Return what the audit trail calls this."""
        other = not (self.username is KEEP and self.full_name is KEEP)
        return [Event.CHANGED] * other + [Event.EMAIL_CHANGED] * (self.email is not KEEP)

    @property
    def sensitive(self) -> bool:
        """Whether a stolen token must not be enough for this."""
        return not (self.username is KEEP and self.email is KEEP)

    def columns(self, known: AccountView) -> dict[str, object]:
        """Return the columns to set; a confirmed email stays confirmed in another spelling, such as its letter case.

        Raises:
            InvalidInput: a value cannot be used.
        """
        values: dict[str, object] = {}
        if not isinstance(self.username, Keep):
            name = read_username(self.username)
            values |= {"username": name.typed, "username_canonical": name.canonical}
        if not isinstance(self.email, Keep):
            address = None if self.email is None else read_email(self.email)
            values |= {
                "email": address.typed if address else None,
                "email_canonical": address.canonical if address else None,
            }
            if not (known.email_verified and address and address.canonical == canonical_email(known.email or "")):
                values["email_verified"] = False
        if not isinstance(self.full_name, Keep):
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
        rights: Rights,
        audit: Audit,
        outbox: Outbox,
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
        self._reserved = reserved
        self._hardened = hardened

    def read(self, principal: Principal) -> AccountView:
        """Return the caller's own account.

        Raises:
            Unauthenticated: it is gone, disabled, or has moved on since the credential was checked.
        """
        own = principal.account
        return self._transactions.read(lambda session: view_account(get_own(session, own, lock=False)))

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

        A new password needs the current one and ends every session but the one that asked; a new
        name or address needs a fresh proof, or the current password. In a tongue that has no word for the current
        password, `fresh_proof_suffices` for the new one too. The owner is told of a new password, and of a new
        address at the old one. Asked for nothing new, it leaves no trace.

        Raises:
            InvalidInput, UsernameTaken, EmailTaken, Busy: as when registering; EmailTaken never when hardened.
            StepUpRequired, CurrentPasswordRequired, WrongPassword: the proof is too old, missing or wrong.
        """
        if current_password is None and (wanted.sensitive or password is not None):
            self._rights.require_fresh_proof(principal)
        known = self.read(principal)
        wanted = wanted.beyond(known)
        own, values = principal.account, wanted.columns(known)
        require_unreserved(str(values.get("username_canonical", "")), self._reserved)
        new = None if password is None else self._read_password(password, known, values)
        if new is not None and current_password is None and not fresh_proof_suffices:
            raise CurrentPasswordRequired
        proven_at = self._prove(principal, current_password)
        if new is not None:
            with self._passwords.admit(principal.origin.address, own.username) as hasher:
                values["password_hash"] = hasher.hash(new)

        def apply(session: Session) -> AccountView:
            account = get_own(session, own)
            if not values:
                return view_account(account)
            former = mailbox(account)
            for name, value in values.items():
                setattr(account, name, value)
            owner = yield_address(session, account) if self._hardened and "email" in values else None
            self._require_own_name(account, wanted)
            account.updated_at = self._clock.now()
            if new is not None:
                account.version += 1
                account.must_change_password = False
                _keep_session(session, principal.session, account.version, proven_at)
            self._outbox.put_changes(session, account, former=former, password=new is not None, email="email" in values)
            if "email_verified" in values:
                announce(session, self._outbox, account, owner)
            for event in [*wanted.events(), *([Event.PASSWORD_CHANGED] if new is not None else [])]:
                self._audit.record(session, event, principal)
            self._transactions.note_change(session, own.id)
            session.flush()
            return view_account(account)

        name = str(values.get("username", ""))
        return write_unique(self._transactions, principal, apply, username=name, discreet=self._hardened)

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

    def _read_password(self, password: str, known: AccountView, wanted: dict[str, object]) -> str:
        names = (known.username, known.email, wanted.get("username"), wanted.get("email"))
        return read_password(password, hardened=self._hardened, names=tuple(str(name) for name in names if name))

    def _require_own_name(self, account: Account, wanted: ProfileChange) -> None:
        if wanted.username is KEEP:
            return
        # Hardened, an email that is not confirmed may be another account's, and the answer must not tell.
        own = account.email_verified or not self._hardened
        require_own_email(account.username, account.email_canonical if own else None)

    def _prove(self, principal: Principal, current_password: str | None) -> datetime | None:
        if current_password is None:
            return principal.authenticated_at
        return self._authentication.confirm(principal, current_password)


def _keep_session(session: Session, session_id: str | None, version: int, proven_at: datetime | None) -> None:
    # The session that proved the current password lives on in the new version; the others stay behind.
    session.execute(
        update(LoginSession).where(LoginSession.id == session_id).values(version=version, authenticated_at=proven_at)
    )
