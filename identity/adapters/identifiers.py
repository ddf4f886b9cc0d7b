"""Names made from the system's randomness."""

from __future__ import annotations

import secrets
import uuid

# Seed 001's ids: 17 characters of an alphabet without those that people confuse.
_UNMISTAKABLE = "23456789ABCDEFGHJKLMNPQRSTWXYZabcdefghijkmnopqrstuvwxyz"


class RandomIdentifiers:
    """Makes identifiers that nobody can guess and that never meet."""

    def uuid(self) -> str:
        """Return a new version 4 UUID in canonical form."""
        return str(uuid.uuid4())

    def short_id(self) -> str:
        """Return a new 17-character id (seed 001)."""
        return "".join(secrets.choice(_UNMISTAKABLE) for _ in range(17))

    def session_id(self) -> str:
        """Return a new name for a session: 32 hexadecimal digits, 128 bits."""
        return secrets.token_hex(16)
