"""Reads the client certificate of a request, from the TLS connection or from a trusted proxy.

`services.certificates.issuing` verifies it, including the chain, even if a proxy has done so
before.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
import ssl
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from identity.settings import Settings
from identity.web.peers import trusted

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_MAX_HEADER: Final = 16 * 1024
_BLOCK: Final = re.compile(
    r"\s*-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----\s*", re.ASCII
)
_BYTES: Final = re.compile(r":([A-Za-z0-9+/]+={0,2}):", re.ASCII)


def presented_certificate(environ: WSGIEnvironment, settings: Settings) -> bytes | None:
    """Return the certificate in DER, or None if there is none from a trusted source."""
    connection = environ.get("gunicorn.socket")
    if isinstance(connection, ssl.SSLSocket):
        return connection.getpeercert(binary_form=True)
    if not settings.proxy_secret or not trusted(
        environ.get("REMOTE_ADDR", ""), settings.trusted_proxies
    ):
        return None
    secret = environ.get("HTTP_X_PROXY_SECRET", "")
    if not hmac.compare_digest(
        secret.encode("latin-1", "replace"), settings.proxy_secret.encode("ascii")
    ):
        return None
    return _forwarded(environ)


def _forwarded(environ: WSGIEnvironment) -> bytes | None:
    standard = environ.get("HTTP_CLIENT_CERT", "")
    escaped = environ.get("HTTP_X_CLIENT_CERT", "")
    if max(len(standard), len(escaped)) > _MAX_HEADER or (standard and escaped):
        return None
    if standard:  # RFC 9440: a byte sequence of RFC 8941
        found = _BYTES.fullmatch(standard)
    elif environ.get("HTTP_X_CLIENT_VERIFY") == "SUCCESS":
        # nginx: $ssl_client_escaped_cert and $ssl_client_verify
        found = _BLOCK.fullmatch(unquote(escaped))
    else:
        found = None
    try:
        return base64.b64decode("".join(found[1].split()), validate=True) if found else None
    except binascii.Error:
        return None
