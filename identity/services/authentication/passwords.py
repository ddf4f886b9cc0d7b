"""Authenticates passwords and tokens. No kind of credential is tried as another one."""

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
from identity.domain.limits import client_network
from identity.domain.ports import Hasher, Passwords
from identity.domain.principal import Origin, Principal, Subject
from identity.domain.values import normalise_password
from identity.domain.views import AccountView
from identity.services.authentication.attempt_record import AttemptRecord
from identity.services.authentication.identifiers import (
    IdentifierType,
    LoginCandidate,
    find_candidate,
)
from identity.services.authentication.proven_passwords import ProvenPasswords
from identity.services.authentication.throttle import LoginThrottle, ThrottleKeys
from identity.services.authentication.token_usernames import TokenUsernames
from identity.services.authentication.tokens import TokenAuthenticator
from identity.services.limits.limits import Count, Limits
from identity.services.work.transaction import Transactions
from identity.store.models import Account

_LOGIN_MAX: Final = 254
_FIRST_VERSION: Final = 1
_NO_PASSWORD: Final = "-"  # noqa: S105 - hashed in place of an impossible password


@dataclass(frozen=True, slots=True)
class _Attempt:
    login: str
    password: str
    known_by: IdentifierType = IdentifierType.USERNAME
    to_change: bool = False


class Authentication:
    """Checks credentials.

    Args:
        transactions: reads accounts, writes counters and events.
        passwords: the admission queue before the password hash.
        tokens: checks tokens.
        limits: counts attempts.
        throttle: chooses the counters of an attempt.
        proven: the cache of verified passwords.
    """

    def __init__(  # noqa: PLR0913 - collaborators
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
        self._record = AttemptRecord(transactions, limits=limits, throttle=throttle)

    def by_password(
        self,
        login: str,
        password: str,
        origin: Origin,
        *,
        known_by: IdentifierType = IdentifierType.LOGIN,
        to_change: bool = False,
    ) -> Principal:
        """Authenticate a password.

        Args:
            login: the identifier, raw.
            password: raw.
            origin: of the request.
            known_by: what the identifier may be.
            to_change: accept a password that must be changed, because it is about to be replaced.

        Raises:
            Unauthenticated: for every reason, after the same work; UnknownAccount if no account has
                the identifier.
            PasswordChangeRequired: the password is right, and must be changed first.
            RateLimited: the name or the IP is locked; no hash was computed.
            Busy: the admission queue is full; no hash was computed.
        """
        attempt = _Attempt(login[: _LOGIN_MAX + 1], password, known_by, to_change)
        with self._limits.refusals.remembered(_attempt_key(attempt.login, known_by, origin)):
            if busy := self._passwords.turned_away(origin.ip, attempt.login):
                raise busy
            return self._authenticate(attempt, Principal(origin))

    def refused(self, login: str, origin: Origin) -> RetryLater | None:
        """Return a recent refusal of `by_password` for any password, without a query; or None."""
        login = login[: _LOGIN_MAX + 1]
        known = self._limits.refusals.known(_attempt_key(login, IdentifierType.LOGIN, origin))
        return known or self._passwords.turned_away(origin.ip, login)

    def by_token(self, token: str, origin: Origin, username: str = "") -> Principal:
        """Authenticate a token of any kind.

        No password hash is computed. At most the end of a sliding session or its use is written.

        Args:
            token: as received.
            origin: of the request.
            username: that came with the token, if any. Clients may send any word, such as `oauth2`,
                but not the username of another account, which the log of a proxy would show.

        Raises:
            Unauthenticated: the token is forged, expired or revoked, or came with the username of
                another account.
        """
        principal = self._tokens.principal(token, origin)
        if username and username != principal.account.username:
            self._usernames.require_no_other(principal.account, username)
        return principal

    def of_registration(self, account: AccountView, origin: Origin) -> Principal:
        """Return the principal of a user who has just registered and so chosen a password."""
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
        """Check the caller's own password again, and return the time of this authentication.

        Attempts of a caller with a session or a certificate have their own counter, so that others
        cannot lock the caller out.

        Raises:
            WrongPassword: the password is wrong; counted like any failed attempt.
            RateLimited: too many attempts failed.
            Busy: the admission queue is full.
        """
        own = self._throttle.own_counter(principal)
        try:
            proven = self._authenticate(
                _Attempt(principal.account.username, password), Principal(principal.origin), own
            )
        except Unauthenticated:
            raise WrongPassword from None
        if proven.account.id != principal.account.id or proven.authenticated_at is None:
            raise WrongPassword
        return proven.authenticated_at

    def _authenticate(
        self, attempt: _Attempt, anonymous: Principal, own: tuple[Count, ...] = ()
    ) -> Principal:
        candidate, keys = self._transactions.read(
            lambda session: self._look_up(session, attempt, anonymous, own)
        )
        # Raw, because an imported hash may match one spelling of a password and not another.
        raw = None if normalise_password(attempt.password) is None else attempt.password
        accepted, computed = self._proven.check(
            self._proven.digest(candidate, raw),
            lambda: self._compute(attempt, anonymous, candidate, keys),
        )
        if not accepted:
            if not computed:
                self._record.count(anonymous, candidate, attempt.login, keys.counts)
            self._record.refused(anonymous, candidate, attempt.login)
            if candidate.exists:
                raise Unauthenticated
            raise UnknownAccount
        proven = Principal(
            anonymous.origin, candidate.subject, Credential.PASSWORD, self._transactions.now()
        )
        try:
            self._record.accepted(proven, keys, counted=computed)
        except (Unauthenticated, Forbidden):  # the account changed meanwhile
            self._record.refused(anonymous, candidate, attempt.login)
            raise Unauthenticated from None
        if candidate.must_change and not attempt.to_change:
            raise PasswordChangeRequired
        return proven

    def _compute(
        self, attempt: _Attempt, anonymous: Principal, candidate: LoginCandidate, keys: ThrottleKeys
    ) -> bool:
        with self._passwords.admit(anonymous.origin.ip, attempt.login) as hasher:
            self._record.count(anonymous, candidate, attempt.login, keys.counts)
            try:
                return self._check(hasher, candidate, attempt.password)
            except Busy:
                self._record.uncount(keys.counts)
                raise

    def _look_up(
        self, session: Session, attempt: _Attempt, anonymous: Principal, own: tuple[Count, ...]
    ) -> tuple[LoginCandidate, ThrottleKeys]:
        candidate = find_candidate(session, attempt.login, attempt.known_by)
        if own:
            self._limits.require_open(session, *own)
            return candidate, ThrottleKeys(own)
        return candidate, self._throttle.keys_for(session, candidate, anonymous.origin)

    def _check(self, hasher: Hasher, candidate: LoginCandidate, password: str) -> bool:
        normal = normalise_password(password)
        usable = candidate.exists and not candidate.disabled and normal is not None
        checked = candidate.password_hash if usable else None
        if normal is None or normal == password:
            verdict = hasher.verify(checked, normal or _NO_PASSWORD)
        else:  # for known and unknown accounts alike: an imported hash may be of the raw password
            verdict = hasher.verify(checked, normal, typed=password)
        if usable and verdict.matches and verdict.outdated:
            hashed = update(Account).values(password_hash=hasher.hash(normal or _NO_PASSWORD))
            still = (
                Account.id == candidate.subject.id,
                Account.password_hash == candidate.password_hash,
            )
            self._transactions.write_unattended(lambda tx: tx.session.execute(hashed.where(*still)))
        return usable and verdict.matches


def _attempt_key(login: str, known_by: IdentifierType, origin: Origin) -> Hashable:
    return login, known_by, client_network(origin.ip)
