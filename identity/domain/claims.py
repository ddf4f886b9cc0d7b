"""The claims of the tokens that this service signs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from identity.domain.credentials import ProofMethod
from identity.domain.principal import Subject


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


class AccessClaims(NamedTuple):
    """The claims of an access token. Times in numbers are Unix seconds.

    A token has the claims about its subject unless it would become too long or was issued by an
    older version; then only the row of its session has them. `used` tells that the session's use
    was recorded before the token was issued.
    """

    session: str
    issued_at: int
    expires_at: int
    subject: Subject | None = None
    authenticated_at: datetime | None = None
    proof: ProofMethod = ProofMethod.PASSWORD
    used: bool = False
