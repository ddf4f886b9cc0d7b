"""Certificate signing requests, certificates and authorities, good and bad."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from support.http import basic

PEM = serialization.Encoding.PEM
Key = Any  # every kind of private key that cryptography has


def new_key() -> ec.EllipticCurvePrivateKey:
    """Return a P-256 key."""
    return ec.generate_private_key(ec.SECP256R1())


def private_pem(key: Key) -> str:
    """Return a private key in PEM."""
    own, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    text: bytes = key.private_bytes(PEM, own, plain)
    return text.decode()


def name(*common_names: str) -> x509.Name:
    """Return a subject of these common names."""
    return x509.Name(
        [x509.NameAttribute(NameOID.COMMON_NAME, each, _validate=False) for each in common_names]
    )


def csr(
    key: Key | None = None,
    subject: x509.Name | None = None,
    *extensions: x509.ExtensionType,
    digest: hashes.HashAlgorithm | None = None,
    unhashed: bool = False,
) -> str:
    """Return a request in PEM, of a new P-256 key unless one is given."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject or name())
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    made = builder.sign(key or new_key(), None if unhashed else digest or hashes.SHA256())
    return made.public_bytes(PEM).decode()


def sign(
    client: FlaskClient, request: str, user: tuple[str, str] = ("hawk", "newpwd"), **more: str
) -> TestResponse:
    """Ask for a certificate with a password."""
    return client.post("/api/certificates", json={"csr": request, **more}, headers=basic(*user))


def signed(
    client: FlaskClient, request: str | None = None, user: tuple[str, str] = ("hawk", "newpwd")
) -> Any:
    """Return a new certificate, loaded."""
    answer = sign(client, request or csr(), user)
    assert answer.status_code == 201, answer.text
    return x509.load_pem_x509_certificate(answer.json["cert"].encode())


@dataclass
class Authority:
    """A key and a certificate that sign others."""

    key: Key
    certificate: x509.Certificate

    def issue(
        self,
        key: Key,
        *,
        subject: x509.Name,
        start: datetime,
        life: timedelta = timedelta(days=1),
        usage: x509.ObjectIdentifier | None = ExtendedKeyUsageOID.CLIENT_AUTH,
        path_length: int | None = None,
    ) -> x509.Certificate:
        """Sign a certificate: of a client, or with a path length, of another authority."""
        issuer = subject if self.certificate is None else self.certificate.subject
        authority = usage is None
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + life)
            .add_extension(
                x509.BasicConstraints(ca=authority, path_length=path_length), critical=True
            )
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()),
                critical=False,
            )
        )
        if usage is not None:
            builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        return builder.sign(self.key, hashes.SHA256())

    def pem(self, *above: x509.Certificate) -> str:
        """Return the file that `IDENTITY_CA_FILE` wants."""
        chain = "".join(each.public_bytes(PEM).decode() for each in (self.certificate, *above))
        return private_pem(self.key) + chain


def new_authority(
    start: datetime,
    *,
    key: Key | None = None,
    common_name: str = "Identity CA",
    above: Authority | None = None,
    life: timedelta = timedelta(days=3650),
) -> Authority:
    """Return an authority, self-signed or under another one."""
    own = key or new_key()
    signer = above or Authority(own, None)
    made = signer.issue(own, subject=name(common_name), start=start, life=life, usage=None)
    return Authority(own, made)


def own_authority(data_dir: Path) -> Authority:
    """Return the authority that a service has made for itself."""
    pem = (data_dir / "ca" / "0001.pem").read_bytes()
    key = serialization.load_pem_private_key(pem, password=None)
    return Authority(key, x509.load_pem_x509_certificate(pem))


def openssl(*arguments: str, given: str | bytes = b"") -> str:
    """Run the real openssl and return what it prints."""
    data = given.encode() if isinstance(given, str) else given
    done = subprocess.run(["openssl", *arguments], input=data, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode("utf-8", "replace")


# Under CI a Java that is missing is a failure where .ci/run installs one.
keytool_needed = pytest.mark.skipif(
    shutil.which("keytool") is None and not os.environ.get("CI"),
    reason="no keytool: install default-jre-headless",
)


def keytool(*arguments: str) -> str:
    """Run Java's real keytool and return what it prints."""
    done = subprocess.run(["keytool", *arguments], capture_output=True, check=False)
    assert done.returncode == 0, done.stdout.decode()
    return done.stdout.decode()


Ending = Callable[[FlaskClient], None]
