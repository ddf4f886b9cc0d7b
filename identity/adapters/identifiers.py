"""Random identifiers."""

from __future__ import annotations

import secrets
import uuid

# The alphabet of Wekan's ids, without characters that are easily confused.
_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTWXYZabcdefghijkmnopqrstuvwxyz"


class RandomIdentifiers:
    """Makes identifiers that are unique and cannot be guessed."""

    def uuid(self) -> str:
        """Return a new version 4 UUID in canonical form."""
        return str(uuid.uuid4())

    def short_id(self) -> str:
        """Return a new 17-character id, as in Wekan's document."""
        return "".join(secrets.choice(_ALPHABET) for _ in range(17))

    def session_id(self) -> str:
        """Return a new session id: 32 hexadecimal digits, 128 bits."""
        return secrets.token_hex(16)
