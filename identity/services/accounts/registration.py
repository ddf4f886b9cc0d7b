"""Making accounts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from identity.domain import policy
from identity.domain.errors import NotFound, UsernameTaken
from identity.domain.events import Event
from identity.domain.limits import Limit, client_network
from identity.domain.policy import Registration
from identity.domain.ports import Clock, Identifiers, Passwords
from identity.domain.principal import Credential, Principal
from identity.domain.usernames import (
    NO_EMAIL,
    OWN_EMAIL,
    is_email_of,
    require_own_email,
    require_unreserved,
)
from identity.domain.values import (
    Identifier,
    canonical,
    read_email,
    read_full_name,
    read_password,
    read_username,
)
from identity.domain.views import AccountView
from identity.services.accounts.email_claims import drop_taken_email, notify_email, write_unique
from identity.services.accounts.new_account import ValidatedAccount, choose_username, new_account
from identity.services.authentication.throttle import LoginThrottle
from identity.services.limits.limits import Count, Limits
from identity.services.mail.limits import RequestedMails
from identity.services.mail.outbox import Outbox
from identity.services.work.accounts import MAX_ID, find_account, subject_of, view_account
from identity.services.work.audit_log import Audit
from identity.services.work.authorization import Authorization
from identity.services.work.transaction import Transactions
from identity.store.models import Account, Counter
from identity.store.upsert import insert

_FIRST_ACCOUNT: Final = "first-account"
_NEVER: Final = datetime(9999, 12, 31, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class NewAccount:
    """What somebody asks for when an account is made; everything as typed."""

    username: str | None
    password: str
    email: str | None = None
    full_name: str | None = None
    personal_name: bool = False
    must_change_password: bool = False


class Accounts:
    """Registration."""

    def __init__(  # noqa: PLR0913 - collaborators and three settings
        self,
        transactions: Transactions,
        *,
        clock: Clock,
        identifiers: Identifiers,
        passwords: Passwords,
        rights: Authorization,
        audit: Audit,
        outbox: Outbox,
        limits: Limits,
        attempts: LoginThrottle,
        requested_mails: RequestedMails,
        registrations: Limit,
        registration: Registration,
        reserved: frozenset[str],
        hardened: bool,
    ) -> None:
        self._transactions = transactions
        self._clock = clock
        self._identifiers = identifiers
        self._passwords = passwords
        self._rights = rights
        self._audit = audit
        self._outbox = outbox
        self._limits = limits
        self._attempts = attempts
        self._requested_mails = requested_mails
        self._registrations = registrations
        self._registration = registration
        self._reserved = reserved
        self._hardened = hardened

    def register(
        self, principal: Principal, wanted: NewAccount, *, first_is_admin: bool = False
    ) -> AccountView:
        """Make an account for whoever asks, as far as `IDENTITY_REGISTRATION` allows.

        Args:
            principal: who asks; anonymous in the usual case.
            wanted: as typed.
            first_is_admin: make the very first account an administrator (seed 001), never when hardened.

        Raises:
            RegistrationRefused: not this caller, or nobody.
            InvalidInput: a value cannot be used.
            UsernameTaken: another account has the name, or one that reads the same.
            EmailTaken: another account has the address; never when hardened, see `services.accounts.email_claims`.
            RateLimited: too many accounts, or mails, were asked for from this IP; administrators are not limited.
            Busy: too many passwords are waiting.
        """
        policy.require_registration(self._registration, principal)
        by_admin = principal.subject is not None and principal.subject.admin
        registrations = Count.of(self._registrations, client_network(principal.origin.ip))
        mails = () if wanted.email is None else self._requested_mails.counts(principal)
        counts = () if by_admin else (registrations, *mails)
        with self._limits.refusals.remembered(counts):
            first = first_is_admin and not self._hardened
            return self._make(
                principal, wanted, *counts, first_is_admin=first, discreet=self._hardened
            )

    def create(self, principal: Principal, wanted: NewAccount, *, admin: bool) -> AccountView:
        """Make an account as an administrator, whatever the mode of registration; see `register`.

        Raises:
            Forbidden: the caller is no administrator.
            StepUpRequired: another administrator is wanted, and the proof is too old.
        """
        self._rights.require_admin(principal, fresh=admin)
        return self._make(principal, wanted, admin=admin)

    def public_name(self, account_id: int) -> str:
        """Return the username of an account, which this service shows to anybody who knows its id.

        Raises:
            NotFound: there is no such account.
        """
        query = select(Account.username).where(Account.id == account_id)
        row = self._transactions.row(query, {}) if account_id <= MAX_ID else None
        if row is None:
            raise NotFound("user")
        name: str = row[0]
        return name

    def public_view(self, uuid: str) -> AccountView:
        """Return an account by its UUID, for a dialect that shows a little of it to anybody (seed 002).

        Raises:
            NotFound: there is no such account.
        """

        def read(session: Session) -> AccountView:
            account = find_account(session, Account.uuid == uuid)
            if account is None:
                raise NotFound("user")
            return view_account(account)

        return self._transactions.read(read)

    def misleading_names(self, *, at_most: int) -> tuple[tuple[str, ...], int]:
        """Return usernames that are an email of another person for all that is known, and how many there are."""
        query = select(Account.username, Account.email_canonical).where(
            Account.username_canonical.contains("@")
        )
        rows = self._transactions.read(
            lambda session: session.execute(query.order_by(Account.id)).all()
        )
        names = [name for name, email in rows if not is_email_of(name, email)]
        return tuple(names[:at_most]), len(names)

    def any_admin(self) -> bool:
        """Tell whether an administrator was ever made and is still there, disabled or not."""
        return (
            self._transactions.row(select(Account.id).where(Account.admin).limit(1), {}) is not None
        )

    def _make(
        self,
        principal: Principal,
        wanted: NewAccount,
        *counts: Count,
        admin: bool = False,
        first_is_admin: bool = False,
        discreet: bool = False,
    ) -> AccountView:
        email = None if wanted.email is None else read_email(wanted.email)
        name, other_name = (
            choose_username(email, self._transactions, self._identifiers)
            if wanted.username is None
            else (wanted.username, "")
        )
        other_canonical = canonical(other_name)  # also where it is not needed: its time would tell
        username = read_username(name, personal=wanted.personal_name)
        if principal.credential is not Credential.OPERATOR:
            require_unreserved(username.canonical, self._reserved)
        by_admin = principal.subject is not None and principal.subject.admin
        if wanted.username is not None and not (by_admin and wanted.personal_name):
            # Where it is not told whether the email is another account's, it cannot be chosen as a name yet.
            # Wekan's administrators give what names they like.
            own = None if discreet or email is None else email.canonical
            require_own_email(username.raw, own, otherwise=NO_EMAIL if discreet else OWN_EMAIL)
        full_name = None if wanted.full_name is None else read_full_name(wanted.full_name)
        names = (username.raw, email.raw if email else username.raw)
        password = read_password(wanted.password, hardened=self._hardened, names=names)
        self._transactions.read(lambda session: self._limits.require_open(session, *counts))
        with self._passwords.admit(principal.origin.ip, username.canonical) as hasher:
            self._limits.take(*counts)
            self._transactions.read(lambda session: _require_free(session, username))
            password_hash = hasher.hash(password)
        described = ValidatedAccount(
            username, email, full_name, password_hash, wanted.must_change_password
        )

        def insert(session: Session) -> AccountView:
            is_admin = admin or (first_is_admin and self._is_first(session))
            account = new_account(described, self._identifiers, self._clock.now(), admin=is_admin)
            owner = drop_taken_email(session, account) if discreet else None
            if owner is not None and other_name:  # who took the email while the password was hashed
                account.username, account.username_canonical = other_name, other_canonical
            session.add(account)
            session.flush()
            for event in [Event.REGISTERED, *([Event.ADMIN_GRANTED] if account.admin else [])]:
                self._audit.record(session, event, principal, subject=subject_of(account))
            notify_email(session, self._outbox, account, owner, requester=principal.origin)
            if principal.subject is None:  # whoever chose the password himself
                self._attempts.remember(session, account.id, principal.origin)
            return view_account(account)

        return write_unique(
            self._transactions, principal, insert, username=username.raw, discreet=discreet
        )

    def _is_first(self, session: Session) -> bool:
        # Whoever writes this row first is the first; the row goes where its transaction goes.
        if session.scalar(select(Account.id).limit(1)) is not None:
            return False
        mark = insert(session.get_bind().dialect.name, Counter).values(
            key=_FIRST_ACCOUNT, count=1, ends_at=_NEVER
        )
        return (
            session.execute(mark.on_conflict_do_nothing().returning(Counter.key)).first()
            is not None
        )


def _require_free(session: Session, username: Identifier) -> None:
    # Saves the hash where the answer is clear; the unique constraint decides where it is not.
    if find_account(session, Account.username_canonical == username.canonical) is not None:
        raise UsernameTaken(username.raw)
