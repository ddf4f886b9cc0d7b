"""Tokens with rotating keys: each call uses the signer for the keys that are active now."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from identity.adapters.tokens.jwt import Es256Tokens
from identity.adapters.tokens.signed import SignedAccessTokens, SignedOneTimeTokens
from identity.domain.claims import AccessClaims, OneTimeClaims, Purpose


class RotatingAccessTokens:
    """Access tokens; see `SignedAccessTokens`."""

    def __init__(self, current: Callable[[], SignedAccessTokens]) -> None:
        self._current = current

    def sign(self, claims: AccessClaims) -> str:
        """Return the token for `claims`."""
        return self._current().sign(claims)

    def verify(self, token: str) -> AccessClaims | None:
        """Return the claims of a genuine token in canonical encoding, or None."""
        return self._current().verify(token)


class RotatingOneTimeTokens:
    """The tokens in mails; see `SignedOneTimeTokens`."""

    def __init__(self, current: Callable[[], SignedOneTimeTokens]) -> None:
        self._current = current

    def sign(self, purpose: Purpose, claims: OneTimeClaims) -> str:
        """Return the token for `claims`."""
        return self._current().sign(purpose, claims)

    def verify(self, purpose: Purpose, token: str) -> OneTimeClaims | None:
        """Return the claims of a genuine token for this purpose, or None."""
        return self._current().verify(purpose, token)


class RotatingJwtTokens:
    """JWTs; see `Es256Tokens`."""

    def __init__(self, current: Callable[[], Es256Tokens]) -> None:
        self._current = current

    def sign(self, session: str, subject: str, issued_at: datetime, expires_at: datetime) -> str:
        """Return the token of a session."""
        return self._current().sign(session, subject, issued_at, expires_at)

    def verify(self, token: str, now: datetime) -> str | None:
        """Return the session of a valid token in canonical encoding, or None."""
        return self._current().verify(token, now)

    def key_set(self) -> dict[str, Any]:
        """Return the public keys (RFC 7517)."""
        return self._current().key_set()
