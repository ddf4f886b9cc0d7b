"""The private keys of JWTs: elliptic curve P-256, in PEM."""

from __future__ import annotations

import hashlib

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec


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
    return load_key(pem)[0]


def load_key(pem: bytes) -> tuple[str, ec.EllipticCurvePrivateKey]:
    """Return a private key after its `kid`.

    Raises:
        ValueError, TypeError: it is not a P-256 private key.
    """
    key = serialization.load_pem_private_key(pem, password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise TypeError("not a P-256 private key")
    public = key.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint
    )
    return hashlib.sha256(public).hexdigest()[:16], key
