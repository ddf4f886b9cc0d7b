"""From a credential to a principal: one method per kind, and never from one kind to a weaker one."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import update
from sqlalchemy.orm import Session

from identity.domain.credentials import Credential
from identity.domain.errors import (
    Busy,
    Forbidden,
    PasswordChangeRequired,
    RetryLater,
    Unauthenticated,
    UnknownAccount,
    WrongPassword,
)
from identity.domain.events import Event, Outcome
from identity.domain.limits import client_network
from identity.domain.ports import Hasher, Passwords
from identity.domain.principal import Origin, Principal, Subject
from identity.domain.values import normalise_password
from identity.domain.views import AccountView
from identity.services.authentication.identifiers import (
    IdentifierType,
    LoginCandidate,
    find_candidate,
)
from identity.services.authentication.proven_passwords import ProvenPasswords
from identity.services.authentication.throttle import LoginThrottle, ThrottleKeys
from identity.services.authentication.token_usernames import TokenUsernames
from identity.services.authentication.tokens import TokenAuthenticator
from identity.services.limits.limits import Count, LimitExceeded, Limits
from identity.services.work.transaction import Transaction, Transactions
from identity.store.models import Account

_LOGIN_MAX: Final = 254
_FIRST_VERSION: Final = 1
_NO_PASSWORD: Final = "-"  # noqa: S105 - hashed in vain where the given password can be nobody's


@dataclass(frozen=True, slots=True)
class _Attempt:
    login: str
    password: str
    known_by: IdentifierType = IdentifierType.USERNAME
    to_change: bool = False


class Authentication:
    """Checks credentials."""

    def __init__(  # noqa: PLR0913 - the collaborators of the one place where credentials meet
        self,
        transactions: Transactions,
        *,
        passwords: Passwords,
        tokens: TokenAuthenticator,
        limits: Limits,
        throttle: LoginThrottle,
        proven: ProvenPasswords,
    ) -> None:
        self._transactions = transactions
        self._passwords = passwords
        self._proven = proven
        self._tokens = tokens
        self._usernames = TokenUsernames(transactions)
        self._limits = limits
        self._throttle = throttle

    def by_password(
        self,
        login: str,
        password: str,
        origin: Origin,
        *,
        known_by: IdentifierType = IdentifierType.LOGIN,
        to_change: bool = False,
    ) -> Principal:
        """Return the principal of a name and its password.

        Args:
            login: the name as typed.
            password: as typed.
            origin: where the request came from.
            known_by: what the name may be.
            to_change: the password is about to be replaced, so one that must be changed is good for this.

        Raises:
            Unauthenticated: for every reason alike, after the same work; UnknownAccount where nobody has the name.
            PasswordChangeRequired: the password is right and must be changed first.
            RateLimited: the name or the address is locked; nothing was computed.
            Busy: too many passwords are waiting; nothing was computed.
        """
        attempt = _Attempt(login[: _LOGIN_MAX + 1], password, known_by, to_change)
        with self._limits.refusals.remembered(_try_of(attempt.login, known_by, origin)):
            if busy := self._passwords.turned_away(origin.ip, attempt.login):
                raise busy
            return self._prove(attempt, Principal(origin))

    def refused(self, login: str, origin: Origin) -> RetryLater | None:
        """Return what `by_password` refuses a username with, whatever its password is, where it did so a moment ago."""
        login = login[: _LOGIN_MAX + 1]
        known = self._limits.refusals.known(_try_of(login, IdentifierType.LOGIN, origin))
        return known or self._passwords.turned_away(origin.ip, login)

    def by_token(self, token: str, origin: Origin, beside: str = "") -> Principal:
        """Return the principal of a token of any kind.

        At most a sliding session's end or the hour of its use is written, and no password hash is computed whatever
        the token looks like.

        Args:
            token: as it came.
            origin: where the request came from.
            beside: the username that came with the token, if any. Clients send words of their own, such as `oauth2`;
                another account's name is refused, because the logs of a proxy would name that account.

        Raises:
            Unauthenticated: not genuine, over, its session was ended, or it came with the name of another account.
        """
        found = self._tokens.principal(token, origin)
        if beside and beside != found.account.username:
            self._usernames.require_no_other(found.account, beside)
        return found

    def of_registration(self, account: AccountView, origin: Origin) -> Principal:
        """Return the principal of somebody who has just chosen his password, without asking for it again."""
        subject = Subject(
            id=account.id,
            username=account.username,
            admin=account.admin,
            version=_FIRST_VERSION,
            uuid=account.uuid,
            short_id=account.short_id,
        )
        return Principal(origin, subject, Credential.PASSWORD, self._transactions.now())

    def confirm(self, principal: Principal, password: str) -> datetime:
        """Check the caller's own password once more and return the moment of this proof.

        With a session or a certificate it is counted for that alone: nobody else's failures keep him out.

        Raises:
            WrongPassword: it is not his; counted like any other failed attempt.
            RateLimited: too many were wrong.
            Busy: too many passwords are waiting.
        """
        own = self._throttle.own_counter(principal)
        try:
            proven = self._prove(
                _Attempt(principal.account.username, password), Principal(principal.origin), own
            )
        except Unauthenticated:
            raise WrongPassword from None
        if proven.account.id != principal.account.id or proven.authenticated_at is None:
            raise WrongPassword
        return proven.authenticated_at

    def _prove(
        self, attempt: _Attempt, anonymous: Principal, own: tuple[Count, ...] = ()
    ) -> Principal:
        named, keys = self._transactions.read(
            lambda session: self._look_up(session, attempt, anonymous, own)
        )
        # As it was typed: another system's hash may match one spelling of a password and not another.
        possible = None if normalise_password(attempt.password) is None else attempt.password
        accepted, computed = self._proven.check(
            self._proven.digest(named, possible),
            lambda: self._compute(attempt, anonymous, named, keys),
        )
        if not accepted:
            if not computed:
                self._count(attempt, anonymous, named, keys.counts)
            self._refuse(anonymous, named, attempt.login)
            raise Unauthenticated if named.exists else UnknownAccount
        proven = Principal(
            anonymous.origin, named.subject, Credential.PASSWORD, self._transactions.now()
        )
        try:
            self._transactions.write(
                proven, lambda tx: self._accept(tx, proven, keys, counted=computed)
            )
        except (Unauthenticated, Forbidden):  # the account changed while the hash was computed
            self._refuse(anonymous, named, attempt.login)
            raise Unauthenticated from None
        if named.must_change and not attempt.to_change:
            raise PasswordChangeRequired
        return proven

    def _compute(
        self, attempt: _Attempt, anonymous: Principal, named: LoginCandidate, keys: ThrottleKeys
    ) -> bool:
        with self._passwords.admit(anonymous.origin.ip, attempt.login) as hasher:
            self._count(attempt, anonymous, named, keys.counts)
            try:
                return self._check(hasher, named, attempt.password)
            except Busy:
                self._transactions.write_unattended(
                    lambda tx: self._limits.uncount(tx.session, *keys.counts)
                )
                raise

    def _look_up(
        self, session: Session, attempt: _Attempt, anonymous: Principal, own: tuple[Count, ...]
    ) -> tuple[LoginCandidate, ThrottleKeys]:
        named = find_candidate(session, attempt.login, attempt.known_by)
        if own:
            self._limits.require_open(session, *own)
            return named, ThrottleKeys(own)
        return named, self._throttle.keys_for(session, named, anonymous.origin)

    def _count(
        self,
        attempt: _Attempt,
        anonymous: Principal,
        named: LoginCandidate,
        counts: tuple[Count, ...],
    ) -> None:
        def count(tx: Transaction) -> LimitExceeded | None:
            refusal = self._limits.count(tx.session, *counts)
            if refusal is not None and refusal.first:
                _audit_refusal(tx, Event.LOCKED, named, attempt.login)
            return refusal

        if refusal := self._transactions.write_unattended(count, anonymous):
            raise refusal.error()

    def _check(self, hasher: Hasher, named: LoginCandidate, password: str) -> bool:
        normal = normalise_password(password)
        usable = named.exists and not named.disabled and normal is not None
        checked = named.password_hash if usable else None
        if normal is None or normal == password:
            verdict = hasher.verify(checked, normal or _NO_PASSWORD)
        else:  # whoever is asked for: what another system hashed may be what was typed
            verdict = hasher.verify(checked, normal, typed=password)
        if usable and verdict.matches and verdict.outdated:
            hashed = update(Account).values(password_hash=hasher.hash(normal or _NO_PASSWORD))
            still = (Account.id == named.subject.id, Account.password_hash == named.password_hash)
            self._transactions.write_unattended(lambda tx: tx.session.execute(hashed.where(*still)))
        return usable and verdict.matches

    def _accept(
        self, tx: Transaction, proven: Principal, keys: ThrottleKeys, *, counted: bool
    ) -> None:
        subject = proven.account
        # What was not counted takes nothing back: it would be the failure of another login from that IP.
        counts = [each for each in keys.counts if counted or each.limit.in_a_row]
        self._limits.succeed(tx, subject.id, *counts)
        if not keys.seen_recently:
            self._throttle.remember(tx, subject.id, proven.origin)
        tx.audit(Event.AUTHENTICATED)

    def _refuse(self, anonymous: Principal, named: LoginCandidate, login: str) -> None:
        self._transactions.write_unattended(
            lambda tx: _audit_refusal(tx, Event.AUTHENTICATED, named, login), anonymous
        )


def _audit_refusal(tx: Transaction, event: Event, named: LoginCandidate, login: str) -> None:
    subject = named.subject if named.exists else None
    tx.audit(event, subject=subject, name=login, outcome=Outcome.REFUSED)


def _try_of(login: str, known_by: IdentifierType, origin: Origin) -> Hashable:
    return login, known_by, client_network(origin.ip)
