"""What services need from the outside. Each port has a real adapter and, in the tests, a second one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from identity.domain.certificates import IssuedCertificate, SigningRequest
from identity.domain.claims import AccessClaims, OneTimeClaims, Purpose
from identity.domain.errors import Busy
from identity.domain.keys import SigningKey
from identity.domain.mail import Mail
from identity.domain.token_kinds import TokenKind


class Clock(Protocol):
    """The time."""

    def now(self) -> datetime:
        """Return the time as aware UTC."""


class DrainMark(Protocol):
    """Known to all processes of a node: it is about to end."""

    def set(self) -> None:
        """Let every process know."""

    def is_set(self) -> bool:
        """Tell whether it was said."""


class Identifiers(Protocol):
    """Randomness that names things."""

    def uuid(self) -> str:
        """Return a new version 4 UUID in canonical form."""

    def short_id(self) -> str:
        """Return a new 17-character id (seed 001)."""

    def session_id(self) -> str:
        """Return a new name for a session: 32 hexadecimal digits."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of checking a password; `outdated` asks for a new hash with today's parameters."""

    matches: bool
    outdated: bool = False


class Hasher(Protocol):
    """The password hash, for a caller who has been admitted to it. One call is one hash's work."""

    def hash(self, password: str) -> str:
        """Return a new hash of an already normalised password.

        Raises:
            Busy: the hash slot stayed taken for too long.
        """

    def verify(self, stored: str | None, password: str, *, typed: str | None = None) -> Verdict:
        """Check a password; with nothing (usable) stored, do the same work and say no.

        Args:
            stored: the hash, ours or another system's.
            password: normalised, as our hashes are made of it.
            typed: as it came, where that differs: other systems may have hashed it so. It is tried first.

        Raises:
            Busy: the hash slot stayed taken for too long.
        """


class Passwords(Protocol):
    """The guarded way to the password hash."""

    def admit(self, ip: str = "", name: str = "") -> AbstractContextManager[Hasher]:
        """Take a place in the short queue before the hash.

        Args:
            ip: of the client.
            name: for whose password, as the caller put it.

        Raises:
            Busy: the queue is full; nothing was computed.
        """

    def turned_away(self, ip: str, name: str) -> Busy | None:
        """Return what `admit` would raise again for a caller for whom it did so a moment ago, else None."""


class AccessTokens(Protocol):
    """Writes and reads the signed form of access tokens."""

    def sign(self, claims: AccessClaims) -> str:
        """Return the token for `claims`."""

    def verify(self, token: str) -> AccessClaims | None:
        """Return what a genuine token in its one canonical spelling says, and None for anything else."""


class OpaqueTokens(Protocol):
    """Makes tokens that are only random, and names them by their digest."""

    def new(self, kind: TokenKind) -> str:
        """Return a new token of a kind."""

    def digest(self, token: str) -> str | None:
        """Return what is kept of a token; None if it contradicts its own form."""


class JwtTokens(Protocol):
    """Writes and reads signed tokens that others can check without asking (RFC 7519)."""

    def sign(self, session: str, subject: str, issued_at: datetime, expires_at: datetime) -> str:
        """Return the token of a session."""

    def verify(self, token: str, now: datetime) -> str | None:
        """Return the session of a genuine token in its life and its one spelling, else None."""

    def key_set(self) -> dict[str, Any]:
        """Return the public keys (RFC 7517)."""


class OneTimeTokens(Protocol):
    """Writes and reads the tokens that mails carry; that one is used once is the database's affair."""

    def sign(self, purpose: Purpose, claims: OneTimeClaims) -> str:
        """Return the token for `claims`."""

    def verify(self, purpose: Purpose, token: str) -> OneTimeClaims | None:
        """Return what a genuine token of this purpose says, else None."""


class Pseudonyms(Protocol):
    """Stands words of its own in the place of names that no account has."""

    def of(self, name: str) -> str:
        """Return the pseudonym of a name; no account can be called so."""

    def known(self, name: str) -> tuple[str, ...]:
        """Return every pseudonym that the name may have been given."""


class KeySource(Protocol):
    """Where signing keys are read."""

    def load_keys(self) -> tuple[SigningKey, ...]:
        """Return the keys, oldest first."""


class KeyStore(KeySource, Protocol):
    """Where signing keys are kept."""

    def changing(self) -> AbstractContextManager[None]:
        """Keep others from changing keys meanwhile."""

    def new(self) -> SigningKey:
        """Return a key that nobody knows yet."""

    def write(self, keys: Sequence[SigningKey]) -> None:
        """Keep these keys and no others."""


class Mailer(Protocol):
    """Takes mail away."""

    def send(self, letter: Mail) -> None:
        """Hand one letter over for delivery.

        Raises:
            MailRefused: it was not taken; try again later, unless that is permanent.
        """


class CertificateAuthority(Protocol):
    """Signs client certificates and knows its own."""

    def read_request(self, text: str) -> SigningRequest:
        """Return what one well-formed, self-signed request asks for.

        Raises:
            BadCertificateRequest: it is anything else, or its key cannot be used.
        """

    def issue(
        self, request: SigningRequest, *, name: str, not_before: datetime, not_after: datetime
    ) -> IssuedCertificate:
        """Sign a request for the account called `name`; nothing but the key is taken from it.

        Raises:
            AuthorityExpired: our own time is over.
        """

    def fingerprint(self, der: bytes, now: datetime) -> str | None:
        """Return the fingerprint of a client certificate of ours in its life, else None."""

    def server_identity(self, names: tuple[str, ...], now: datetime) -> str:
        """Return a new key and its certificate for a server of these names, in PEM."""

    def chain(self) -> str:
        """Return our own certificate and those above it, in PEM."""

    def revocation_list(self, revoked: Iterable[tuple[str, datetime]], now: datetime) -> bytes:
        """Return the signed list (RFC 5280) of these serials, in DER."""
