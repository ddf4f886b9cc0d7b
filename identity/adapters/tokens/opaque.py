"""Random tokens in the formats of the documents; only their digests are stored."""

from __future__ import annotations

import hashlib
import secrets
import string
import uuid
import zlib
from typing import Final

from identity.domain.token_kinds import Secret, TokenKind

_BASE62: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
_RANDOM_CHARACTERS: Final = 30
_CHECK_CHARACTERS: Final = 6
_CHECKSUMMED: Final = tuple(kind.prefix for kind in TokenKind if kind.secret is Secret.CHECKSUMMED)


class OpaqueTokens:
    """Creates and recognises the random tokens of NervesHub, Wekan and Azuma."""

    def new(self, kind: TokenKind) -> str:
        """Return a new token: 122 random bits in a UUID (Azuma), at least 178 in other kinds."""
        if kind.secret is Secret.UUID:
            return str(uuid.uuid4())
        if kind.secret is Secret.CHECKSUMMED:
            body = "".join(secrets.choice(_BASE62) for _ in range(_RANDOM_CHARACTERS))
            return kind.prefix + body + _checksum(body)
        return secrets.token_urlsafe(32)

    def digest(self, token: str) -> str | None:
        """Return the digest to store or look up; None if the token's checksum is wrong."""
        prefix = next(filter(token.startswith, _CHECKSUMMED), None)
        if prefix is not None:
            body = token[len(prefix) : len(prefix) + _RANDOM_CHARACTERS]
            if not token.isascii() or token != prefix + body + _checksum(body):
                return None
        return hashlib.sha256(token.encode()).hexdigest()


def _checksum(body: str) -> str:
    number = zlib.crc32(body.encode())
    digits = ""
    for _ in range(_CHECK_CHARACTERS):
        number, digit = divmod(number, len(_BASE62))
        digits = _BASE62[digit] + digits
    return digits
