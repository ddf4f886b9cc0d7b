"""JWTs signed with ES256 (RFC 7515, 7518, 7519), whatever algorithm the header of a token names."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from identity.caching import BoundedCache

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
    """Signs with the last key and accepts all of them.

    Args:
        keys: private keys in PEM, the signing key last.
        issuer: the `iss` claim.
    """

    def __init__(self, keys: tuple[bytes, ...], *, issuer: str) -> None:
        self._issuer = issuer
        self._keys = dict(map(_load, keys))
        self._signing_kid = next(reversed(self._keys))
        self._verified: BoundedCache[Mapping[str, Any]] = BoundedCache()

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
        key = self._keys[self._signing_kid]
        return jwt.encode(claims, key, ALGORITHM, headers={"kid": self._signing_kid})

    def verify(self, token: str, now: datetime) -> str | None:
        """Return the session of a valid token in canonical encoding, or None."""
        claims = self._verified.find(token) or self._verify(token)
        return claims["sid"] if claims and _within_lifetime(claims, now) else None

    def _verify(self, token: str) -> Mapping[str, Any] | None:
        if not _FORMAT.fullmatch(token):
            return None
        try:
            key = self._keys[jwt.get_unverified_header(token)["kid"]]
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
        return self._verified.put(token, claims) if _well_formed(claims) else None

    def key_set(self) -> dict[str, Any]:
        """Return the public keys (RFC 7517)."""
        return {"keys": [_public(kid, key) for kid, key in self._keys.items()]}


def new_key() -> bytes:
    """Return a new private key in PEM."""
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def key_id(pem: bytes) -> str:
    """Return the `kid` of a private key.

    Raises:
        ValueError, TypeError: it is not a P-256 private key.
    """
    return _load(pem)[0]


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


def _load(pem: bytes) -> tuple[str, ec.EllipticCurvePrivateKey]:
    key = serialization.load_pem_private_key(pem, password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise TypeError("not a P-256 private key")
    public = key.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint
    )
    return hashlib.sha256(public).hexdigest()[:16], key


def _public(kid: str, key: ec.EllipticCurvePrivateKey) -> dict[str, Any]:
    parameters: dict[str, Any] = json.loads(ECAlgorithm.to_jwk(key.public_key()))
    return {**parameters, "kid": kid, "use": "sig", "alg": ALGORITHM}
