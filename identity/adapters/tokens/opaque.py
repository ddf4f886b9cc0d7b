"""Tokens that say nothing: random text in the form a document asks for, kept only as a digest."""

from __future__ import annotations

import hashlib
import secrets
import string
import uuid
import zlib
from typing import Final

from identity.domain.token_kinds import PERSONAL_PREFIX, TokenKind

_BASE62: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
_PERSONAL_RANDOM: Final = 30
_PERSONAL_CHECK: Final = 6


class OpaqueTokens:
    """Makes and recognises the opaque tokens of seeds 000, 001 and 003."""

    def new(self, kind: TokenKind) -> str:
        """Return a new secret: 122 bits for a UUID, which its document asks for; 178 and more for the others."""
        if kind is TokenKind.UUID:
            return str(uuid.uuid4())
        if kind is TokenKind.PERSONAL:
            body = "".join(secrets.choice(_BASE62) for _ in range(_PERSONAL_RANDOM))
            return PERSONAL_PREFIX + body + _checksum(body)
        return secrets.token_urlsafe(32)

    def digest(self, token: str) -> str | None:
        """Return what is kept of a token; None if it contradicts its own form."""
        if token.startswith(PERSONAL_PREFIX):
            body = token[len(PERSONAL_PREFIX) : len(PERSONAL_PREFIX) + _PERSONAL_RANDOM]
            if not token.isascii() or token != PERSONAL_PREFIX + body + _checksum(body):
                return None
        return hashlib.sha256(token.encode()).hexdigest()


def _checksum(body: str) -> str:
    number, digits = zlib.crc32(body.encode()), ""
    for _ in range(_PERSONAL_CHECK):
        number, digit = divmod(number, len(_BASE62))
        digits = _BASE62[digit] + digits
    return digits
