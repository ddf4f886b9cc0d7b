"""What the tokens that this service signs say."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Purpose(StrEnum):
    """What a one-use token may be used for."""

    ACTIVATION = "activation"
    RESET = "password-reset"
    INVITATION = "invitation"


@dataclass(frozen=True, slots=True)
class OneTimeClaims:
    """What a one-use token says: whose, of which version, until when (Unix seconds), and bound to what."""

    account: int
    version: int
    expires_at: int
    binding: str


@dataclass(frozen=True, slots=True)
class AccessClaims:
    """What an access token says; everything else is read from the session it names. Unix seconds."""

    session: str
    issued_at: int
    expires_at: int
