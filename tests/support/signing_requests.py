"""Certificate signing requests for NervesHub, good and refused."""

from __future__ import annotations

import base64
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

PEM = serialization.Encoding.PEM


def signing_request(key: Any = None, *, name: str = "user1234", algorithm: Any = None) -> str:
    """Return a CSR in PEM that asks for more than is ever granted."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    builder = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, name)]))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("admin.example.org")]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    )
    if algorithm is None and not isinstance(key, ed25519.Ed25519PrivateKey):
        algorithm = hashes.SHA256()
    return builder.sign(key, algorithm).public_bytes(PEM).decode("ascii")


def in_base64(pem: str) -> str:
    """Return what the clients of NervesHub send."""
    return base64.b64encode(pem.encode()).decode("ascii")


def private_key_pem() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(
        PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode("ascii")


def forged() -> str:
    """Return a CSR with one bit of its signature turned."""
    der = bytearray(
        x509.load_pem_x509_csr(signing_request().encode()).public_bytes(serialization.Encoding.DER)
    )
    der[-1] ^= 1
    return _pem(bytes(der))


def _pem(der: bytes) -> str:
    text = base64.encodebytes(der).decode("ascii")
    return f"-----BEGIN CERTIFICATE REQUEST-----\n{text}-----END CERTIFICATE REQUEST-----\n"


def refused_requests() -> dict[str, str]:
    """Return what is never signed, by what is wrong with it."""
    good = signing_request()
    return {
        "nothing": "",
        "no PEM": "hello",
        "no base64": "not base64!",
        "base64 of nothing of the kind": in_base64("hello"),
        "a private key": private_key_pem(),
        "a private key in base64": in_base64(private_key_pem()),
        "two requests": good + signing_request(),
        "a key beside it": good + private_key_pem(),
        "text in it": good.replace("REQUEST-----\n", "REQUEST-----\nhello: you\n", 1),
        "another label": good.replace("CERTIFICATE REQUEST", "CERTIFICATE"),
        "a broken signature": forged(),
        "cut short": good[:200] + "\n-----END CERTIFICATE REQUEST-----\n",
        "a short RSA key": signing_request(rsa.generate_private_key(65537, 1024)),
        "RSA with e = 3": signing_request(rsa.generate_private_key(3, 2048)),
        "an odd curve": signing_request(ec.generate_private_key(ec.SECP256K1())),
        "a small curve": signing_request(ec.generate_private_key(ec.SECP224R1())),
    }
