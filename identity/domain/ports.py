"""The interfaces of what is outside. Each has an adapter and, in the tests, a second one."""

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
    """The current time."""

    def now(self) -> datetime:
        """Return the time as aware UTC."""


class DrainMark(Protocol):
    """Tells all processes of a node that the node is about to stop."""

    def set(self) -> None:
        """Announce it to every process."""

    def is_set(self) -> bool:
        """Tell whether it was announced."""


class Identifiers(Protocol):
    """Makes random identifiers."""

    def uuid(self) -> str:
        """Return a new version 4 UUID in canonical form."""

    def short_id(self) -> str:
        """Return a new 17-character id, as in Wekan's document."""

    def session_id(self) -> str:
        """Return a new session id: 32 hexadecimal digits."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of checking a password; `outdated` asks for a new hash with current parameters."""

    matches: bool
    outdated: bool = False


class Hasher(Protocol):
    """The password hash, for a caller that the queue admitted. Each call computes one hash."""

    def hash(self, password: str) -> str:
        """Return a new hash of an already normalised password.

        Raises:
            Busy: no other hash finished in time.
        """

    def verify(self, stored: str | None, password: str, *, typed: str | None = None) -> Verdict:
        """Check a password; without a usable stored hash, do the same work and return no match.

        Args:
            stored: the hash, from this service or another system.
            password: normalised, as this service hashes it.
            typed: the password as received if it differs, because other systems may have hashed
                it unchanged. It is tried first.

        Raises:
            Busy: no other hash finished in time.
        """


class Passwords(Protocol):
    """The admission queue before the password hash."""

    def admit(self, ip: str = "", name: str = "") -> AbstractContextManager[Hasher]:
        """Take a slot in the short queue before the hash.

        Args:
            ip: of the client.
            name: the identifier of the account, as the caller sent it.

        Raises:
            Busy: the queue is full; nothing was computed.
        """

    def turned_away(self, ip: str, name: str) -> Busy | None:
        """Return the error that `admit` would raise again for a caller it just refused, or None."""


class AccessTokens(Protocol):
    """Signs and verifies access tokens."""

    def sign(self, claims: AccessClaims) -> str:
        """Return the token for `claims`."""

    def verify(self, token: str) -> AccessClaims | None:
        """Return the claims of a genuine token in canonical encoding, or None."""


class OpaqueTokens(Protocol):
    """Makes random tokens, and computes the digests by which they are found."""

    def new(self, kind: TokenKind) -> str:
        """Return a new token of a kind."""

    def digest(self, token: str) -> str | None:
        """Return the digest to store or look up; None if the token's checksum is wrong."""


class JwtTokens(Protocol):
    """Signs and verifies JWTs, which others can verify offline (RFC 7519)."""

    def sign(self, session: str, subject: str, issued_at: datetime, expires_at: datetime) -> str:
        """Return the token of a session."""

    def verify(self, token: str, now: datetime) -> str | None:
        """Return the session of a valid token in canonical encoding, or None."""

    def key_set(self) -> dict[str, Any]:
        """Return the public keys (RFC 7517)."""


class OneTimeTokens(Protocol):
    """Signs and verifies the tokens in mails. The database ensures that each is used only once."""

    def sign(self, purpose: Purpose, claims: OneTimeClaims) -> str:
        """Return the token for `claims`."""

    def verify(self, purpose: Purpose, token: str) -> OneTimeClaims | None:
        """Return the claims of a genuine token for this purpose, or None."""


class Pseudonyms(Protocol):
    """Replaces names that no account has in the audit log."""

    def of(self, name: str) -> str:
        """Return the pseudonym of a name; it is never a valid username."""

    def known(self, name: str) -> tuple[str, ...]:
        """Return every pseudonym under which the name may be recorded."""


class KeySource(Protocol):
    """Provides signing keys."""

    def load_keys(self) -> tuple[SigningKey, ...]:
        """Return the keys, oldest first."""


class KeyStore(KeySource, Protocol):
    """Stores signing keys."""

    def exclusive(self) -> AbstractContextManager[None]:
        """Keep other processes from changing keys meanwhile."""

    def new(self) -> SigningKey:
        """Return a newly generated key."""

    def write(self, keys: Sequence[SigningKey]) -> None:
        """Store exactly these keys."""


class Mailer(Protocol):
    """Delivers mails."""

    def send(self, mail: Mail) -> None:
        """Hand one mail over for delivery.

        Raises:
            MailRefused: it was not accepted; try again later unless the error is permanent.
        """


class CertificateAuthority(Protocol):
    """Issues client certificates and recognises them."""

    def read_request(self, text: str) -> SigningRequest:
        """Return the content of one well-formed, self-signed request.

        Raises:
            BadCertificateRequest: it is anything else, or its key cannot be used.
        """

    def issue(
        self, request: SigningRequest, *, name: str, not_before: datetime, not_after: datetime
    ) -> IssuedCertificate:
        """Issue a certificate for the account `name`; only the key is taken from the request.

        Raises:
            AuthorityExpired: the CA's certificate has expired.
        """

    def fingerprint(self, der: bytes, now: datetime) -> str | None:
        """Return the fingerprint of an unexpired client certificate of this CA, or None."""

    def server_identity(self, names: tuple[str, ...], now: datetime) -> str:
        """Return a new key and certificate for a server with these names, in PEM."""

    def chain(self) -> str:
        """Return the CA's certificate and those above it, in PEM."""

    def revocation_list(self, revoked: Iterable[tuple[str, datetime]], now: datetime) -> bytes:
        """Return the signed revocation list (RFC 5280) of these serials, in DER."""
