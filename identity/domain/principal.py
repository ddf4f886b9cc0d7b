"""Who is asking, by what proof, and from where.

Named tuples: every request makes two, and a frozen dataclass takes three times as long to make.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from identity.domain.errors import Unauthenticated


class Credential(StrEnum):
    """The kind of proof behind a principal."""

    NONE = "none"
    PASSWORD = "password"  # noqa: S105 - the name of a kind, not a secret
    ACCESS_TOKEN = "access_token"  # noqa: S105 - the name of a kind, not a secret
    PERSONAL_TOKEN = "personal_token"  # noqa: S105 - the name of a kind, not a secret
    OPAQUE_TOKEN = "opaque_token"  # noqa: S105 - the name of a kind, not a secret
    UUID_TOKEN = "uuid_token"  # noqa: S105 - the name of a kind, not a secret
    JWT_TOKEN = "jwt_token"  # noqa: S105 - the name of a kind, not a secret
    CERTIFICATE = "certificate"
    MAILED_TOKEN = "mailed_token"  # noqa: S105 - the name of a kind, not a secret
    OPERATOR = "operator"


class Origin(NamedTuple):
    """Where a request came from, as the audit trail remembers it."""

    ip: str
    request_id: str
    dialect: str


class Subject(NamedTuple):
    """The account a credential stands for, as it was when the credential was checked."""

    id: int
    username: str
    admin: bool
    version: int
    uuid: str
    short_id: str


class Principal(NamedTuple):
    """One caller for one request.

    `session` is None unless the proof was a token, and `certificate` (a serial) unless it was one. `expires_at` is when
    the credential ends (None: it has no end of its own) and `checked_at` when it was checked, in seconds since 1970.
    """

    origin: Origin
    subject: Subject | None = None
    credential: Credential = Credential.NONE
    authenticated_at: datetime | None = None
    session: str | None = None
    certificate: str | None = None
    expires_at: int | None = None
    checked_at: float = 0.0

    @property
    def account(self) -> Subject:
        """The subject of a request that must have one.

        Raises:
            Unauthenticated: the caller is anonymous.
        """
        if self.subject is None:
            raise Unauthenticated
        return self.subject


def operator() -> Principal:
    """Whoever sits at the machine's own command line: trusted with everything, logged as such."""
    origin = Origin(ip="local", request_id="-", dialect="command")
    return Principal(
        origin,
        Subject(0, "(operator)", admin=True, version=0, uuid="", short_id=""),
        Credential.OPERATOR,
    )
