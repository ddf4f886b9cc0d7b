"""JWTs signed with ES256 (RFC 7515, 7518, 7519), whatever algorithm the header of a token names."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from identity.adapters.keys.p256 import load_key
from identity.adapters.keys.ring import KeyRing, WatchedKeys
from identity.caching import BoundedCache
from identity.domain.ports import Clock

ALGORITHM: Final = "ES256"
AUDIENCE: Final = "identity"
_LEEWAY_SECONDS: Final = 5
# The last character of a signature of 64 bytes has four spare bits: only these four are canonical.
_FORMAT: Final = re.compile(
    r"eyJ[A-Za-z0-9_-]+\.eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{85}[AQgw]", re.ASCII
)
_REQUIRED: Final = ["iss", "aud", "sub", "sid", "jti", "iat", "exp"]
_TYPE: Final = "session"


class Es256Tokens:
    """Signs with the newest key and accepts all that are active.

    Args:
        source: of the private keys, in PEM.
        clock: the time.
        issuer: the `iss` claim.
    """

    def __init__(self, source: WatchedKeys, clock: Clock, *, issuer: str) -> None:
        self._issuer = issuer
        self._current = KeyRing(source, _ActiveKeys, clock).current

    def sign(self, session: str, subject: str, issued_at: datetime, expires_at: datetime) -> str:
        """Return the token of a session."""
        claims = {
            "iss": self._issuer,
            "aud": AUDIENCE,
            "sub": subject,
            "sid": session,
            "jti": secrets.token_hex(16),
            "typ": _TYPE,
            "iat": int(issued_at.timestamp()),
            "exp": int(expires_at.timestamp()),
        }
        kid, key = self._current().signing
        return jwt.encode(claims, key, ALGORITHM, headers={"kid": kid})

    def verify(self, token: str, now: datetime) -> str | None:
        """Return the session of a valid token in canonical encoding, or None."""
        keys = self._current()
        claims = keys.verified.find(token) or self._verify(token, keys)
        return claims["sid"] if claims and _within_lifetime(claims, now) else None

    def _verify(self, token: str, keys: _ActiveKeys) -> Mapping[str, Any] | None:
        if not _FORMAT.fullmatch(token):
            return None
        try:
            key = keys.by_kid[jwt.get_unverified_header(token)["kid"]]
            claims = jwt.decode(
                token,
                key.public_key(),
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                issuer=self._issuer,
                options={"require": _REQUIRED, "verify_exp": False, "verify_iat": False},
            )
        except (jwt.InvalidTokenError, KeyError, TypeError, ValueError):
            return None
        return keys.verified.put(token, claims) if _well_formed(claims) else None

    def key_set(self) -> dict[str, Any]:
        """Return the public keys (RFC 7517)."""
        return {"keys": [_public(kid, key) for kid, key in self._current().by_kid.items()]}


class _ActiveKeys:
    """The keys that are active now, and the tokens that were verified with them."""

    def __init__(self, pems: tuple[str, ...]) -> None:
        keys = [load_key(pem.encode()) for pem in pems]
        self.by_kid = dict(keys)
        self.signing = keys[-1]
        self.verified: BoundedCache[Mapping[str, Any]] = BoundedCache()


def _well_formed(claims: Mapping[str, Any]) -> bool:
    return (
        claims.get("typ") == _TYPE
        and isinstance(claims["sid"], str)
        and type(claims["iat"]) is type(claims["exp"]) is int
    )


def _within_lifetime(claims: Mapping[str, Any], now: datetime) -> bool:
    # Checked here, because PyJWT does not use the service's clock.
    seconds: float = now.timestamp()
    return bool(claims["iat"] <= seconds + _LEEWAY_SECONDS and seconds < claims["exp"])


def _public(kid: str, key: ec.EllipticCurvePrivateKey) -> dict[str, Any]:
    parameters: dict[str, Any] = json.loads(ECAlgorithm.to_jwk(key.public_key()))
    return {**parameters, "kid": kid, "use": "sig", "alg": ALGORITHM}
