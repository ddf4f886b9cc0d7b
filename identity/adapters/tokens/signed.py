"""Access tokens and one-time tokens: readable text with a signature from itsdangerous."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from typing import Final

from itsdangerous import Signer
from itsdangerous.signer import SigningAlgorithm

from identity.adapters.keys.ring import KeyRing, WatchedKeys
from identity.caching import BoundedCache
from identity.domain.claims import AccessClaims, OneTimeClaims, Purpose
from identity.domain.ports import Clock
from identity.domain.token_kinds import TokenKind

_PREFIX: Final = TokenKind.ACCESS.prefix
# A signature of 256 bits takes 43 base64 characters, the last of which has two spare bits. Only the
# sixteen characters where these are zero are canonical; others would be aliases of the same token.
_SIGNATURE: Final = r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]"
_ACCESS: Final = re.compile(
    rf"({_PREFIX}([0-9a-f]{{32}})\.([0-9a-f]{{8,10}})\.([0-9a-f]{{8,10}}))"
    rf"\.{_SIGNATURE}",
    re.ASCII,
)
_ONE_TIME: Final = re.compile(
    rf"([0-9a-f]{{1,16}})\.([0-9a-f]{{1,8}})\.([0-9a-f]{{8,10}})\.([0-9a-f]{{16}})\.{_SIGNATURE}",
    re.ASCII,
)


class SignedAccessTokens:
    """Signs with the newest key and accepts all that are active.

    Args:
        source: of the keys.
        clock: the time.
    """

    def __init__(self, source: WatchedKeys, clock: Clock) -> None:
        self._current = KeyRing(source, _AccessKeys, clock).current

    def sign(self, claims: AccessClaims) -> str:
        """Return the token for `claims`."""
        text = f"{_PREFIX}{claims.session}.{claims.issued_at:08x}.{claims.expires_at:08x}"
        return self._current().signer.sign(text).decode("ascii")

    def verify(self, token: str) -> AccessClaims | None:
        """Return the claims of a genuine token in canonical encoding, or None."""
        keys = self._current()
        if claims := keys.verified.find(token):
            return claims
        match = _ACCESS.fullmatch(token)
        if match is None or not keys.signer.validate(token):
            return None
        claims = AccessClaims(match[2], int(match[3], 16), int(match[4], 16))
        return keys.verified.put(token, claims)


class SignedOneTimeTokens:
    """Signs the tokens in mails, with a separate salt for each purpose.

    Args:
        source: of the keys.
        clock: the time.
    """

    def __init__(self, source: WatchedKeys, clock: Clock) -> None:
        self._current = KeyRing(source, _signers, clock).current

    def sign(self, purpose: Purpose, claims: OneTimeClaims) -> str:
        """Return the token for `claims`."""
        text = f"{claims.account:x}.{claims.version:x}.{claims.expires_at:08x}.{claims.binding}"
        return self._current()[purpose].sign(text).decode("ascii")

    def verify(self, purpose: Purpose, token: str) -> OneTimeClaims | None:
        """Return the claims of a genuine token for this purpose, or None."""
        match = _ONE_TIME.fullmatch(token)
        if match is None or not self._current()[purpose].validate(token):
            return None
        return OneTimeClaims(int(match[1], 16), int(match[2], 16), int(match[3], 16), match[4])


class _AccessKeys:
    """The keys that are active now, and the tokens that were verified with them."""

    def __init__(self, secret_keys: Sequence[str]) -> None:
        self.signer = _Signer(secret_keys, "access-token")
        self.verified: BoundedCache[AccessClaims] = BoundedCache()


def _signers(secret_keys: Sequence[str]) -> dict[Purpose, Signer]:
    return {purpose: _Signer(secret_keys, purpose.value) for purpose in Purpose}


class _Signer(Signer):
    """The signer of itsdangerous, but it derives the key of a purpose once, not for every call."""

    def derive_key(self, secret_key: str | bytes | None = None) -> bytes:
        """Return the key of this purpose for a secret key, by default the signing key."""
        secret = self.secret_key if secret_key is None else secret_key
        known = self._derived.get(secret)
        if known is None:
            known = self._derived[secret] = super().derive_key(secret)
        return known

    def __init__(self, secret_keys: Sequence[str], purpose: str) -> None:
        self._derived: dict[str | bytes, bytes] = {}
        super().__init__(
            list(secret_keys),
            salt=f"identity.{purpose}",
            key_derivation="hmac",
            digest_method=hashlib.sha256,
            algorithm=_HmacSha256(),
        )


class _HmacSha256(SigningAlgorithm):
    """HMAC with SHA-256 in a single library call."""

    def get_signature(self, key: bytes, value: bytes) -> bytes:
        """Return the signature (RFC 2104)."""
        return hmac.digest(key, value, "sha256")
