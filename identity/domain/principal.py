"""The principal of a request: subject, credential and origin.

These are named tuples, because every request creates two, and creating a frozen dataclass takes
three times as long.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from identity.domain.credentials import Credential, ProofMethod
from identity.domain.errors import Unauthenticated


class Origin(NamedTuple):
    """Where a request came from, as the audit log records it."""

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
    """The caller of one request.

    `session` is None unless the credential is a token, and `certificate` (a serial) is None unless
    it is a certificate. `expires_at` is when the credential expires (None: it does not), and
    `checked_at` when it was checked, both in Unix seconds. `proof` is how the caller was
    authenticated at `authenticated_at`.
    """

    origin: Origin
    subject: Subject | None = None
    credential: Credential = Credential.NONE
    authenticated_at: datetime | None = None
    session: str | None = None
    certificate: str | None = None
    expires_at: int | None = None
    checked_at: float = 0.0
    proof: ProofMethod = ProofMethod.PASSWORD

    @property
    def account(self) -> Subject:
        """The subject of a request that requires one.

        Raises:
            Unauthenticated: the caller is anonymous.
        """
        if self.subject is None:
            raise Unauthenticated
        return self.subject


def operator() -> Principal:
    """Return the principal of the command line; it has all rights and is logged as operator."""
    origin = Origin(ip="local", request_id="-", dialect="command")
    return Principal(
        origin,
        Subject(0, "(operator)", admin=True, version=0, uuid="", short_id=""),
        Credential.OPERATOR,
    )
