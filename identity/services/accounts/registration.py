"""Making accounts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from identity.domain import policy
from identity.domain.credentials import Credential
from identity.domain.errors import NotFound, UsernameTaken
from identity.domain.events import Event
from identity.domain.exposure import Exposure
from identity.domain.policy import is_administrator
from identity.domain.ports import Identifiers, Passwords
from identity.domain.principal import Principal
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
from identity.services.limits.limits import Count
from identity.services.limits.requests import RequestLimits
from identity.services.work.accounts import MAX_ID, find_account, subject_of, view_account
from identity.services.work.authorization import Authorization
from identity.services.work.transaction import Transaction, Transactions
from identity.store.models import Account, Counter
from identity.store.upsert import insert

_FIRST_ACCOUNT: Final = "first-account"
_NEVER: Final = datetime(9999, 12, 31, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class NewAccount:
    """What is asked for when an account is created; everything as typed."""

    username: str | None
    password: str
    email: str | None = None
    full_name: str | None = None
    personal_name: bool = False
    must_change_password: bool = False


@dataclass(frozen=True, slots=True)
class _Creation:
    """How an account is created: `discreet` if the caller must not learn of taken emails."""

    discreet: bool = False
    admin: bool = False
    first_is_admin: bool = False


class _Names(NamedTuple):
    """The names of a new account; the other username is free, for when the email proves taken."""

    username: Identifier
    email: Identifier | None
    other_username: Identifier


class Accounts:
    """Creates accounts, and answers what anyone may ask about them."""

    def __init__(  # noqa: PLR0913 - collaborators and the policy
        self,
        transactions: Transactions,
        *,
        identifiers: Identifiers,
        passwords: Passwords,
        authorization: Authorization,
        throttle: LoginThrottle,
        requests: RequestLimits,
        exposure: Exposure,
    ) -> None:
        self._transactions = transactions
        self._identifiers = identifiers
        self._passwords = passwords
        self._authorization = authorization
        self._throttle = throttle
        self._requests = requests
        self._exposure = exposure

    def register(
        self, principal: Principal, wanted: NewAccount, *, first_is_admin: bool = False
    ) -> AccountView:
        """Create an account for the caller, as far as `IDENTITY_REGISTRATION` allows.

        Args:
            principal: who asks; anonymous in the usual case.
            wanted: as typed.
            first_is_admin: make the very first account an administrator, as Wekan does, unless the
                service is hardened.

        Raises:
            RegistrationRefused: not for this caller, or for no one.
            InvalidInput: a value cannot be used.
            UsernameTaken: another account has the name, or one that reads the same.
            EmailTaken: another account has the email; never when hardened, see
                `services.accounts.email_claims`.
            RateLimited: too many accounts, or mails, were asked for from this IP; administrators are
                not limited.
            Busy: too many passwords are waiting.
        """
        policy.require_registration(self._exposure.registration, principal)
        counts = self._requests.registration(principal, mailed=wanted.email is not None)
        how = _Creation(
            discreet=self._exposure.hides_emails,
            first_is_admin=first_is_admin and self._exposure.first_account_is_admin,
        )
        with self._requests.limits.refusals.remembered(counts):
            return self._create(principal, wanted, how, *counts)

    def create(self, principal: Principal, wanted: NewAccount, *, admin: bool) -> AccountView:
        """Create an account as an administrator, whatever the mode of registration; see `register`.

        Raises:
            Forbidden: the caller is no administrator.
            StepUpRequired: another administrator is wanted, and the authentication is too old.
        """
        self._authorization.require_admin(principal, fresh=admin)
        return self._create(principal, wanted, _Creation(admin=admin))

    def public_name(self, principal: Principal, account_id: int) -> str:
        """Return the username of an account by its id; hardened, to authenticated callers only.

        Raises:
            Unauthenticated: a hardened service does not know the caller.
            NotFound: there is no such account.
        """
        if self._exposure.hides_users:
            policy.require_account(principal)
        query = select(Account.username).where(Account.id == account_id)
        row = self._transactions.row(query, {}) if account_id <= MAX_ID else None
        if row is None:
            raise NotFound("user")
        name: str = row[0]
        return name

    def public_view(self, principal: Principal, uuid: str) -> AccountView:
        """Return an account by its UUID; hardened, to its owner and to administrators only.

        continuous.sh shows a little of it to anyone.

        Raises:
            Unauthenticated: a hardened service does not know the caller.
            NotFound: there is no such account, or the caller may not see it.
        """
        if self._exposure.hides_users:
            caller = policy.require_account(principal)
            if not caller.admin and caller.uuid != uuid:
                raise NotFound("user")

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

    def _create(
        self, principal: Principal, wanted: NewAccount, how: _Creation, *counts: Count
    ) -> AccountView:
        names = self._names(principal, wanted, how)
        given = (names.username.raw, (names.email or names.username).raw)
        password = read_password(wanted.password, hardened=self._exposure.hardened, names=given)
        account = ValidatedAccount(
            names.username,
            names.email,
            None if wanted.full_name is None else read_full_name(wanted.full_name),
            self._hash(principal, names.username, password, *counts),
            wanted.must_change_password,
        )
        return write_unique(
            self._transactions,
            principal,
            lambda tx: self._insert(tx, account, how, other_username=names.other_username),
            username=names.username.raw,
            discreet=how.discreet,
        )

    def _names(self, principal: Principal, wanted: NewAccount, how: _Creation) -> _Names:
        email = None if wanted.email is None else read_email(wanted.email)
        name, other = wanted.username or "", ""
        if wanted.username is None:
            name, other = choose_username(email, self._transactions, self._identifiers)
        # The other name is folded even if there is none: constant work, docs/security.md#enumeration.
        other_username = Identifier(other, canonical(other))
        username = read_username(name, personal=wanted.personal_name)
        if principal.credential is not Credential.OPERATOR:
            require_unreserved(username.canonical, self._exposure.reserved_usernames)
        # Wekan's administrators give what names they like.
        free_choice = is_administrator(principal) and wanted.personal_name
        if wanted.username is not None and not free_choice:
            _require_own_email(username, email, discreet=how.discreet)
        return _Names(username, email, other_username)

    def _hash(
        self, principal: Principal, username: Identifier, password: str, *counts: Count
    ) -> str:
        limits = self._requests.limits
        self._transactions.read(lambda session: limits.require_open(session, *counts))
        with self._passwords.admit(principal.origin.ip, username.canonical) as hasher:
            limits.take(*counts)
            self._transactions.read(lambda session: _require_free(session, username))
            return hasher.hash(password)

    def _insert(
        self,
        tx: Transaction,
        described: ValidatedAccount,
        how: _Creation,
        *,
        other_username: Identifier,
    ) -> AccountView:
        admin = how.admin or (how.first_is_admin and self._is_first(tx.session))
        account = new_account(described, self._identifiers, tx.now, admin=admin)
        owner = drop_taken_email(tx.session, account) if how.discreet else None
        if owner is not None and other_username.raw:  # taken while the password was hashed
            account.username = other_username.raw
            account.username_canonical = other_username.canonical
        tx.session.add(account)
        tx.session.flush()
        tx.audit(Event.REGISTERED, subject=subject_of(account))
        if account.admin:
            tx.audit(Event.ADMIN_GRANTED, subject=subject_of(account))
        notify_email(tx, account, owner, requester=tx.principal.origin)
        if tx.principal.subject is None:  # the caller chose the password, and so is the owner
            self._throttle.remember(tx, account.id, tx.principal.origin)
        return view_account(account)

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


def _require_own_email(username: Identifier, email: Identifier | None, *, discreet: bool) -> None:
    # A discreet service does not tell whether the email is another account's, so the email cannot be
    # chosen as a username before it is confirmed.
    own = None if discreet or email is None else email.canonical
    require_own_email(username.raw, own, otherwise=NO_EMAIL if discreet else OWN_EMAIL)
