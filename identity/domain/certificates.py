"""Client certificates: which requests and keys are accepted, and which facts are stored."""

from __future__ import annotations

import base64
import binascii
import math
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from identity.domain.errors import BadCertificateRequest

_RSA_SIZES = range(2048, 8193)
_RSA_EXPONENT = 65537
_CURVES = frozenset({"secp256r1", "secp384r1", "secp521r1"})
_FERMAT_ROUNDS = 100
_HASHES = frozenset({"sha256", "sha384", "sha512"})
_BEGIN: Final = "-----BEGIN "
# keytool and certreq still write the older label, which is equivalent (RFC 7468 section 7).
_BLOCK: Final = re.compile(
    r"-----BEGIN ((?:NEW )?CERTIFICATE REQUEST)-----([A-Za-z0-9+/=\s]*)-----END \1-----", re.ASCII
)


def read_request_text(text: str) -> bytes:
    """Return the DER of the one certificate signing request in a text: PEM, or the base64 of PEM.

    Text around the block is ignored (RFC 7468 section 2), such as the output of `openssl req
    -text`. A second block of any kind is refused, because OpenSSL and similar tools would take the
    first one and ignore the rest.

    Raises:
        BadCertificateRequest: there is no such block, or more than one block.
    """
    pem = text if _BEGIN in text else _unwrapped(text)
    found = _BLOCK.search(pem)
    if found is None or pem.count(_BEGIN) != 1:
        raise BadCertificateRequest(
            "Send exactly one PEM block: -----BEGIN CERTIFICATE REQUEST-----."
        )
    return _decoded(found[2])


def _unwrapped(text: str) -> str:
    return _decoded(text).decode("utf-8", "replace")


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise BadCertificateRequest("Send the request as PEM or as base64 of PEM.") from None


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """The properties of the key in a request; fields that do not apply to its kind are None."""

    kind: str
    bits: int | None = None
    exponent: int | None = None
    modulus: int = 0
    curve: str | None = None
    hash: str | None = None


@dataclass(frozen=True, slots=True)
class SigningRequest:
    """A request that proved possession of its key. `key` is an object of the adapter's library."""

    key: Any
    public_key: str  # SHA-256 of the DER of its SubjectPublicKeyInfo


@dataclass(frozen=True, slots=True)
class IssuedCertificate:
    """A new certificate and the facts about it that are stored."""

    pem: str
    serial: str
    fingerprint: str
    subject_key_id: str
    authority_key_id: str
    not_before: datetime
    not_after: datetime


@dataclass(frozen=True, slots=True)
class CertificateView:
    """One certificate, as its owner sees it.

    `renewed_from` is the serial of the certificate that it was renewed from. `line` is the serial
    of the first certificate of its line, which is its own serial if it was not renewed from one.
    """

    serial: str
    fingerprint: str
    description: str
    not_before: datetime
    not_after: datetime
    revoked_at: datetime | None
    renewed_from: str | None
    line: str


def check_key(facts: KeyFacts) -> None:
    """Accept NIST P-256 to P-521, Ed25519, and RSA of 2048 bits or more (e = 65537), with SHA-2.

    Raises:
        BadCertificateRequest: the key or the signature's hash is of another kind.
    """
    if facts.kind == "rsa":
        accepted = (
            facts.bits in _RSA_SIZES
            and facts.exponent == _RSA_EXPONENT
            and not _close_primes(facts.modulus)
        )
    elif facts.kind == "ec":
        accepted = facts.curve in _CURVES
    else:
        accepted = facts.kind == "ed25519"
    if not accepted:
        raise BadCertificateRequest(
            "Use a P-256, P-384, P-521 or Ed25519 key, or RSA of at least 2048 bits (e = 65537)."
        )
    unhashed = facts.kind == "ed25519" and facts.hash is None
    if facts.hash not in _HASHES and not unhashed:
        raise BadCertificateRequest("Sign the request with SHA-256, SHA-384 or SHA-512.")


def _close_primes(modulus: int) -> bool:
    # Some faulty generators chose primes so close that Fermat's method finds them in a few steps.
    middle = math.isqrt(modulus) + 1
    squares = (half * half - modulus for half in range(middle, middle + _FERMAT_ROUNDS))
    return any(math.isqrt(square) ** 2 == square for square in squares)
