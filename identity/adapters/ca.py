"""The service's own certificate authority, with X.509 from the cryptography package."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from identity.domain.certificates import (
    IssuedCertificate,
    KeyFacts,
    SigningRequest,
    check_key,
    read_request_text,
)
from identity.domain.errors import AuthorityExpired, BadCertificateRequest

_ROOT_LIFETIME: Final = timedelta(days=3650)
_SERVER_LIFETIME: Final = timedelta(days=90)
_BACKDATED: Final = timedelta(minutes=5)
_LIST_LIFETIME: Final = timedelta(days=7)
_RETRY_AFTER: Final = timedelta(hours=1)
# What parsing a request or certificate from outside may raise.
_UNREADABLE: Final = (
    ValueError,
    TypeError,
    InvalidSignature,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
)


class LocalAuthority:
    """Signs with one key.

    Args:
        pem: the private key, the CA's certificate, then those above it.
        list_url: the URL of the revocation list; empty if it is not published.
        now: the current time; a CA whose certificate has expired is refused.
    """

    def __init__(self, pem: bytes, *, list_url: str, now: datetime) -> None:
        loaded = serialization.load_pem_private_key(pem, password=None)
        if not isinstance(loaded, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
            raise TypeError("the CA's key is neither an EC nor an RSA key")
        self._key = loaded
        self._chain = x509.load_pem_x509_certificates(pem)
        self._own = self._chain[0]
        if _spki(self._own.public_key()) != _spki(loaded.public_key()):
            raise ValueError("the CA's certificate does not match its key")
        if not _is_ca(self._own):
            raise ValueError("the first certificate is not a CA certificate")
        if now >= self._own.not_valid_after_utc:
            raise ValueError("the CA's certificate has expired")
        self._list_url = list_url

    def read_request(self, text: str) -> SigningRequest:
        """Return the content of one well-formed, self-signed request."""
        der = read_request_text(text)
        try:
            request = x509.load_der_x509_csr(der)
            key = request.public_key()
            check_key(_facts(request))
            genuine = request.is_signature_valid
        except _UNREADABLE:
            raise BadCertificateRequest("The request cannot be read.") from None
        if not genuine:
            raise BadCertificateRequest("The request is not signed by its own key.")
        encoded = _spki(key)
        # Another encoding of the key, such as explicit curve parameters, would get another digest.
        if encoded not in request.tbs_certrequest_bytes:
            raise BadCertificateRequest("The key in the request has an unusual encoding.")
        if encoded == _spki(self._own.public_key()):
            raise BadCertificateRequest("This key is already in use by another account.")
        return SigningRequest(key, hashlib.sha256(encoded).hexdigest())

    def issue(
        self, request: SigningRequest, *, name: str, not_before: datetime, not_after: datetime
    ) -> IssuedCertificate:
        """Issue a certificate; subject, names, usage and lifetime are set by the service."""
        if not_before >= self._own.not_valid_after_utc:
            raise AuthorityExpired(_RETRY_AFTER)
        subject_key_id = x509.SubjectKeyIdentifier.from_public_key(request.key)
        authority_key_id = _authority_key_id(self._own)
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(self._own.subject)
            .public_key(request.key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(max(not_before, self._own.not_valid_before_utc))
            .not_valid_after(min(not_after, self._own.not_valid_after_utc))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(digital_signature=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
            .add_extension(subject_key_id, critical=False)
            .add_extension(authority_key_id, critical=False)
        )
        if self._list_url:
            point = x509.DistributionPoint(
                [x509.UniformResourceIdentifier(self._list_url)], None, None, None
            )
            builder = builder.add_extension(x509.CRLDistributionPoints([point]), critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        return IssuedCertificate(
            pem=certificate.public_bytes(serialization.Encoding.PEM).decode("ascii"),
            serial=str(certificate.serial_number),
            fingerprint=certificate.fingerprint(hashes.SHA256()).hex(),
            subject_key_id=subject_key_id.digest.hex(),
            authority_key_id=(authority_key_id.key_identifier or b"").hex(),
            not_before=certificate.not_valid_before_utc,
            not_after=certificate.not_valid_after_utc,
        )

    def fingerprint(self, der: bytes, now: datetime) -> str | None:
        """Return the fingerprint of an unexpired client certificate of this CA, or None."""
        try:
            certificate = x509.load_der_x509_certificate(der)
            certificate.verify_directly_issued_by(self._own)
            usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        except (*_UNREADABLE, x509.ExtensionNotFound):
            return None
        if ExtendedKeyUsageOID.CLIENT_AUTH not in usage:
            return None
        if not certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc:
            return None
        return certificate.fingerprint(hashes.SHA256()).hex()

    def server_identity(self, names: tuple[str, ...], now: datetime) -> str:
        """Return a new key and certificate for a server with these host names or IPs, in PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Identity")]))
            .issuer_name(self._own.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(max(now - _BACKDATED, self._own.not_valid_before_utc))
            .not_valid_after(min(now + _SERVER_LIFETIME, self._own.not_valid_after_utc))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(digital_signature=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(
                x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False
            )
            .add_extension(_authority_key_id(self._own), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        pem = _private(key) + certificate.public_bytes(serialization.Encoding.PEM)
        return pem.decode("ascii")

    def chain(self) -> str:
        """Return the CA's certificate and those above it, in PEM."""
        return "".join(
            certificate.public_bytes(serialization.Encoding.PEM).decode("ascii")
            for certificate in self._chain
        )

    def revocation_list(self, revoked: Iterable[tuple[str, datetime]], now: datetime) -> bytes:
        """Return the signed revocation list of these serials, in DER; it is valid for a week."""
        entries = [
            x509.RevokedCertificateBuilder().serial_number(int(serial)).revocation_date(at).build()
            for serial, at in revoked
        ]
        # Passed at once, because adding entries one by one copies the list each time.
        builder = (
            x509.CertificateRevocationListBuilder(revoked_certificates=entries)
            .issuer_name(self._own.subject)
            .last_update(now)
            .next_update(now + _LIST_LIFETIME)
            .add_extension(x509.CRLNumber(int(now.timestamp())), critical=False)
            .add_extension(_authority_key_id(self._own), critical=False)
        )
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def new_authority(now: datetime) -> bytes:
    """Return the key and self-signed certificate of a new CA (EC P-256, ten years), in PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Identity CA")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + _ROOT_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return _private(key) + certificate.public_bytes(serialization.Encoding.PEM)


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _facts(request: x509.CertificateSigningRequest) -> KeyFacts:
    key = request.public_key()
    algorithm = request.signature_hash_algorithm
    name = algorithm.name if algorithm else None
    if isinstance(key, rsa.RSAPublicKey):
        numbers = key.public_numbers()
        return KeyFacts("rsa", bits=key.key_size, exponent=numbers.e, modulus=numbers.n, hash=name)
    if isinstance(key, ec.EllipticCurvePublicKey):
        return KeyFacts("ec", curve=key.curve.name, hash=name)
    return KeyFacts("ed25519" if isinstance(key, ed25519.Ed25519PublicKey) else "other", hash=name)


def _authority_key_id(own: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    for extension in own.extensions:
        if isinstance(extension.value, x509.SubjectKeyIdentifier):
            return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(extension.value)
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(own.public_key())  # type: ignore[arg-type]


def _is_ca(certificate: x509.Certificate) -> bool:
    return any(
        isinstance(extension.value, x509.BasicConstraints) and extension.value.ca
        for extension in certificate.extensions
    )


def _usage(
    *, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _spki(key: object) -> bytes:
    encoded: bytes = key.public_bytes(  # type: ignore[attr-defined]
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return encoded
