"""Access tokens and one-time tokens: readable text with a signature from itsdangerous."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from typing import Final

from itsdangerous import Signer, want_bytes

from identity.adapters.keys.ring import KeyRing, WatchedKeys
from identity.adapters.tokens.hmac_sha256 import HmacSha256
from identity.adapters.tokens.payload import encoded, pack, unpack
from identity.caching import BoundedCache
from identity.domain.claims import AccessClaims, OneTimeClaims, Purpose
from identity.domain.ports import Clock
from identity.domain.token_kinds import TokenKind

_PREFIX: Final = TokenKind.ACCESS.prefix
# A signature of 256 bits takes 43 base64 characters, the last of which has two spare bits. Only the
# sixteen characters where these are zero are canonical; others would be aliases of the same token.
_SIGNATURE: Final = r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]"
_SESSION_ONLY: Final = re.compile(r"([0-9a-f]{32})\.([0-9a-f]{8,10})\.([0-9a-f]{8,10})", re.ASCII)
# So that a token has at most 255 characters, beyond which some clients truncate.
_PAYLOAD_MAX: Final = 255 - len(_PREFIX) - len(".") - 43
_ONE_TIME: Final = re.compile(
    rf"([0-9a-f]{{1,16}})\.([0-9a-f]{{1,8}})\.([0-9a-f]{{8,10}})\.([0-9a-f]{{16}})\.{_SIGNATURE}",
    re.ASCII,
)


class SignedAccessTokens:
    """Signs with the newest key and accepts all that are active.

    A token has the claims about its subject, or, where they do not fit, only its session.

    Args:
        source: of the keys.
        clock: the time.
    """

    def __init__(self, source: WatchedKeys, clock: Clock) -> None:
        self._current = KeyRing(source, _AccessKeys, clock).current

    def sign(self, claims: AccessClaims) -> str:
        """Return the token for `claims`."""
        payload = pack(claims)
        if payload is None or len(payload) > _PAYLOAD_MAX:
            payload = f"{claims.session}.{claims.issued_at:08x}.{claims.expires_at:08x}"
        return self._current().signer.sign(_PREFIX + payload).decode("ascii")

    def verify(self, token: str) -> AccessClaims | None:
        """Return the claims of a genuine token in canonical encoding, or None."""
        keys = self._current()
        if claims := keys.verified.find(token):
            return claims
        if not token.isascii() or not token.startswith(_PREFIX):
            return None
        signed, _, signature = token.encode().rpartition(b".")
        if not keys.signer.is_genuine(signed, signature):
            return None
        payload = signed[len(_PREFIX) :]
        claims = _session_only(payload.decode()) if b"." in payload else unpack(payload)
        return keys.verified.put(token, claims) if claims else None


def _session_only(payload: str) -> AccessClaims | None:
    match = _SESSION_ONLY.fullmatch(payload)
    return AccessClaims(match[1], int(match[2], 16), int(match[3], 16)) if match else None


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
    """The signer of itsdangerous with keys that are prepared once: the same signatures, faster."""

    def __init__(self, secret_keys: Sequence[str], purpose: str) -> None:
        super().__init__(
            list(secret_keys),
            salt=f"identity.{purpose}",
            key_derivation="hmac",
            digest_method=hashlib.sha256,
        )
        self._codes = [HmacSha256(self.derive_key(key)) for key in reversed(self.secret_keys)]

    def get_signature(self, value: str | bytes) -> bytes:
        """Return the signature of a value by the newest key."""
        return encoded(self._codes[0].digest(want_bytes(value)))

    def is_genuine(self, signed: bytes, signature: bytes) -> bool:
        """Tell whether a signature is canonical and by one of the keys; as `validate`, but faster.

        The signature is computed as text and compared, instead of being decoded.
        """
        for code in self._codes:
            if hmac.compare_digest(encoded(code.digest(signed)), signature):
                return True
        return False
