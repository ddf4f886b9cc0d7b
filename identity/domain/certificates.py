"""Client certificates: which keys are signed, and what is remembered of a certificate."""

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
# The older label, which keytool and certreq still write, means the same (RFC 7468 section 7).
_BLOCK: Final = re.compile(
    r"-----BEGIN ((?:NEW )?CERTIFICATE REQUEST)-----([A-Za-z0-9+/=\s]*)-----END \1-----", re.ASCII
)


def read_request_text(text: str) -> bytes:
    """Return the DER of the one certificate signing request in a text: PEM, or the base64 of PEM.

    Text around the block says nothing (RFC 7468 section 2), such as what `openssl req -text` prints. A second block
    of any kind is refused: OpenSSL and its kin would take the first of several and ignore the rest.

    Raises:
        BadCertificateRequest: there is no such block, or another one beside it.
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
        raise BadCertificateRequest("Send the request in PEM, or in base64 of PEM.") from None


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """What is known of the key in a request; fields that its kind does not have are None."""

    kind: str
    bits: int | None = None
    exponent: int | None = None
    modulus: int = 0
    curve: str | None = None
    hash: str | None = None


@dataclass(frozen=True, slots=True)
class SigningRequest:
    """A request that proved possession of its key. `key` is the adapter's own."""

    key: Any
    public_key: str  # SHA-256 of the key's standard form


@dataclass(frozen=True, slots=True)
class IssuedCertificate:
    """A new certificate and what is kept of it."""

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

    `renewed_from` is the serial of the certificate that it was renewed from, and `line` the serial of the one with
    which these renewals began, its own if it was never renewed.
    """

    serial: str
    fingerprint: str
    description: str
    not_before: datetime
    not_after: datetime
    revoked_at: datetime | None
    renewed_from: str | None
    line: str


def judge_key(facts: KeyFacts) -> None:
    """Accept RSA of 2048 bits and more with e = 65537, NIST P-256 to P-521, and Ed25519; signed with SHA-2.

    Raises:
        BadCertificateRequest: it is anything else.
    """
    if facts.kind == "rsa":
        fine = (
            facts.bits in _RSA_SIZES
            and facts.exponent == _RSA_EXPONENT
            and not _close_primes(facts.modulus)
        )
    elif facts.kind == "ec":
        fine = facts.curve in _CURVES
    else:
        fine = facts.kind == "ed25519"
    if not fine:
        raise BadCertificateRequest(
            "Use a key of P-256, P-384, P-521, Ed25519, or RSA of 2048 bits and more (e = 65537)."
        )
    if facts.hash not in _HASHES | ({None} if facts.kind == "ed25519" else set()):
        raise BadCertificateRequest("Sign the request with SHA-256 or better.")


def _close_primes(modulus: int) -> bool:
    """Tell whether Fermat's method finds the two primes at once, as it does for some faulty generators."""
    middle = math.isqrt(modulus) + 1
    squares = (half * half - modulus for half in range(middle, middle + _FERMAT_ROUNDS))
    return any(math.isqrt(square) ** 2 == square for square in squares)
