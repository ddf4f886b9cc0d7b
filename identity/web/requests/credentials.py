"""Parses the Authorization header strictly (RFC 7617, RFC 6750)."""

from __future__ import annotations

import binascii
import re
from typing import TYPE_CHECKING, Final, NamedTuple

from identity.domain.token_kinds import looks_like_token

if TYPE_CHECKING:
    from identity.domain.principal import Origin, Principal
    from identity.services import Services

# Case-insensitive for the scheme only: a whole pattern that ignores case takes three times as long.
_BASIC: Final = re.compile(r"(?i:basic) +([A-Za-z0-9+/]+={0,2})", re.ASCII)
_BEARER: Final = re.compile(r"(?i:bearer|token) +([A-Za-z0-9._~+/-]+=*)", re.ASCII)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


class Presented(NamedTuple):
    """A credential as sent: a token, a username and password, or a certificate in DER.

    With a token in the place of the password, `username` is the one sent beside it.
    """

    token: str | None = None
    username: str = ""
    password: str = ""
    certificate: bytes | None = None


def read_authorization(header: str) -> Presented | None:
    """Parse a header value; None unless it is exactly one well-formed Basic or Bearer credential.

    In Basic, a token may be the username, with any password, or the password, which is where git
    and clients of package registries put it.
    """
    if match := _BASIC.fullmatch(header):
        return _read_pair(match[1])
    match = _BEARER.fullmatch(header)
    return Presented(match[1]) if match else None


def _read_pair(text: str) -> Presented | None:
    pair = _decode(text)
    # `isprintable` is fast and nearly always true, so that the search is rarely needed.
    if pair is None or (not pair.isprintable() and _CONTROL.search(pair)):
        return None
    username, colon, password = pair.partition(":")
    if not colon:
        return None
    if looks_like_token(username):
        return Presented(username)
    if looks_like_token(password):
        return Presented(password, username)
    return Presented(None, username, password) if username else None


def _decode(text: str) -> str | None:
    try:
        raw = binascii.a2b_base64(text)
    except binascii.Error:
        return None
    # With padding bits other than zero, one credential would have several encodings.
    if binascii.b2a_base64(raw, newline=False).decode("ascii") != text:
        return None
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:  # RFC 7617 section 2 names no encoding; older clients send Latin-1
        return raw.decode("latin-1")


def principal_of(credential: Presented, origin: Origin, services: Services) -> Principal:
    """Authenticate a credential with the use case for its kind.

    Raises:
        Unauthenticated: it is invalid; see `services.authentication.passwords` for other errors.
    """
    if credential.token is not None:
        return services.authentication.by_token(credential.token, origin, credential.username)
    if credential.certificate is not None:
        return services.certificates.principal(credential.certificate, origin)
    return services.authentication.by_password(credential.username, credential.password, origin)
