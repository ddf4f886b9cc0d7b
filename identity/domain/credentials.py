"""Kinds of credentials, and the authentication behind a session."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar


class Credential(str):
    """The kind of credential of a request. `token_kinds` adds one for each kind of token."""

    __slots__ = ()

    NONE: ClassVar[Credential]
    PASSWORD: ClassVar[Credential]
    CERTIFICATE: ClassVar[Credential]
    MAILED_TOKEN: ClassVar[Credential]
    OPERATOR: ClassVar[Credential]

    @property
    def value(self) -> str:
        """The name of the kind, as in the audit log."""
        return str(self)


Credential.NONE = Credential("none")
Credential.PASSWORD = Credential("password")
Credential.CERTIFICATE = Credential("certificate")
Credential.MAILED_TOKEN = Credential("mailed_token")
Credential.OPERATOR = Credential("operator")


class ProofMethod(StrEnum):
    """How the owner of a session was authenticated when it was opened; compare RFC 8176."""

    PASSWORD = "password"  # noqa: S105 - the name of a method
    CERTIFICATE = "certificate"
    ADMINISTRATOR = "administrator"  # an administrator opened the session for its owner

    @property
    def steps_up(self) -> bool:
        """Whether it allows sensitive actions while it is recent; only the password does."""
        return self is ProofMethod.PASSWORD
