"""The claims of the tokens that this service signs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Purpose(StrEnum):
    """What a one-time token may be used for."""

    ACTIVATION = "activation"
    RESET = "password-reset"
    INVITATION = "invitation"


@dataclass(frozen=True, slots=True)
class OneTimeClaims:
    """The claims of a one-time token.

    `version` is that of the account, `expires_at` is in Unix seconds, and `binding` is a digest of
    what the token depends on besides.
    """

    account: int
    version: int
    expires_at: int
    binding: str


@dataclass(frozen=True, slots=True)
class AccessClaims:
    """The claims of an access token; the session has everything else. Times are Unix seconds."""

    session: str
    issued_at: int
    expires_at: int
