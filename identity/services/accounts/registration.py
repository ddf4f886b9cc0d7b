"""Registers accounts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from identity.domain import policy
from identity.domain.credentials import Credential
from identity.domain.errors import UsernameTaken
from identity.domain.events import Event
from identity.domain.exposure import Exposure
from identity.domain.policy import is_administrator
from identity.domain.ports import Identifiers, Passwords
from identity.domain.principal import Principal
from identity.domain.usernames import (
    NO_EMAIL,
    OWN_EMAIL,
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
from identity.services.accounts.new_account import (
    ValidatedAccount,
    choose_username,
    is_first,
    new_account,
)
from identity.services.authentication.throttle import LoginThrottle
from identity.services.limits.limits import Count
from identity.services.limits.requests import RequestLimits
from identity.services.work.accounts import find_account, subject_of, view_account
from identity.services.work.authorization import Authorization
from identity.services.work.transaction import Transaction, Transactions
from identity.store.models import Account


@dataclass(frozen=True, slots=True)
class NewAccount:
    """The fields of a new account, raw."""

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
    """The names of a new account; `other_username` replaces a username that is a taken email."""

    username: Identifier
    email: Identifier | None
    other_username: Identifier


class Accounts:
    """Creates accounts.

    Args:
        transactions: reads and writes accounts.
        identifiers: makes UUIDs and short ids.
        passwords: the admission queue before the password hash.
        authorization: requires administrators.
        throttle: records the known IP of a new account.
        requests: limits registrations.
        exposure: what a hardened service hides or refuses.
    """

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
        self, principal: Principal, fields: NewAccount, *, first_is_admin: bool = False
    ) -> AccountView:
        """Create an account for the caller, if `IDENTITY_REGISTRATION` allows it.

        Args:
            principal: the caller, usually anonymous.
            fields: of the account.
            first_is_admin: make the very first account an administrator, as Wekan does, unless the
                service is hardened.

        Raises:
            RegistrationRefused: registration is closed, or closed to this caller.
            InvalidInput: a value is invalid.
            UsernameTaken: another account has the same canonical username.
            EmailTaken: another account has the email; never when hardened, see
                `services.accounts.email_claims`.
            RateLimited: too many accounts or mails were requested from this IP. Administrators are
                not limited.
            Busy: the admission queue is full.
        """
        policy.require_registration(self._exposure.registration, principal)
        counts = self._requests.registration(principal, mailed=fields.email is not None)
        how = _Creation(
            discreet=self._exposure.hides_emails,
            first_is_admin=first_is_admin and self._exposure.first_account_is_admin,
        )
        with self._requests.limits.refusals.remembered(counts):
            return self._create(principal, fields, how, *counts)

    def create(self, principal: Principal, fields: NewAccount, *, admin: bool) -> AccountView:
        """Create an account as an administrator, also where registration is closed; see `register`.

        Args:
            principal: an administrator.
            fields: of the account.
            admin: make the account an administrator.

        Raises:
            Forbidden: the caller is not an administrator.
            StepUpRequired: `admin` is set, and the caller's authentication is too old.
        """
        self._authorization.require_admin(principal, fresh=admin)
        return self._create(principal, fields, _Creation(admin=admin))

    def any_admin(self) -> bool:
        """Tell whether there is any administrator, disabled or not."""
        query = select(Account.id).where(Account.admin).limit(1)
        return self._transactions.row(query, {}) is not None

    def _create(
        self, principal: Principal, fields: NewAccount, how: _Creation, *counts: Count
    ) -> AccountView:
        names = self._names(principal, fields, how)
        own_names = (names.username.raw, (names.email or names.username).raw)
        password = read_password(fields.password, hardened=self._exposure.hardened, names=own_names)
        account = ValidatedAccount(
            names.username,
            names.email,
            None if fields.full_name is None else read_full_name(fields.full_name),
            self._hash(principal, names.username, password, *counts),
            fields.must_change_password,
        )
        return write_unique(
            self._transactions,
            principal,
            lambda tx: self._insert(tx, account, how, other_username=names.other_username),
            username=names.username.raw,
            discreet=how.discreet,
        )

    def _names(self, principal: Principal, fields: NewAccount, how: _Creation) -> _Names:
        email = None if fields.email is None else read_email(fields.email)
        name = fields.username or ""
        other = ""
        if fields.username is None:
            name, other = choose_username(email, self._transactions, self._identifiers)
        # Folded even if empty. Constant work: see docs/security.md#enumeration.
        other_username = Identifier(other, canonical(other))
        username = read_username(name, personal=fields.personal_name)
        if principal.credential is not Credential.OPERATOR:
            require_unreserved(username.canonical, self._exposure.reserved_usernames)
        # Wekan lets administrators choose any name.
        free_choice = is_administrator(principal) and fields.personal_name
        if fields.username is not None and not free_choice:
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
        values: ValidatedAccount,
        how: _Creation,
        *,
        other_username: Identifier,
    ) -> AccountView:
        admin = how.admin or (how.first_is_admin and is_first(tx.session))
        account = new_account(values, self._identifiers, tx.now, admin=admin)
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


def _require_free(session: Session, username: Identifier) -> None:
    # Saves the hash in the common case; the unique constraint decides a race.
    if find_account(session, Account.username_canonical == username.canonical) is not None:
        raise UsernameTaken(username.raw)


def _require_own_email(username: Identifier, email: Identifier | None, *, discreet: bool) -> None:
    # A discreet service does not reveal whether another account has the email, so an email cannot
    # be chosen as a username before it is confirmed.
    own = None if discreet or email is None else email.canonical
    require_own_email(username.raw, own, otherwise=NO_EMAIL if discreet else OWN_EMAIL)
