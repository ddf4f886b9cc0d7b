"""Kinds of credentials, and the authentication behind a session."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar


class Credential(str):
    """The kind of credential that a request came with. Kinds of tokens add theirs."""

    __slots__ = ()

    NONE: ClassVar[Credential]
    PASSWORD: ClassVar[Credential]
    CERTIFICATE: ClassVar[Credential]
    MAILED_TOKEN: ClassVar[Credential]
    OPERATOR: ClassVar[Credential]

    @property
    def value(self) -> str:
        """The name of the kind, as it stands in the audit log."""
        return str(self)


Credential.NONE = Credential("none")
Credential.PASSWORD = Credential("password")
Credential.CERTIFICATE = Credential("certificate")
Credential.MAILED_TOKEN = Credential("mailed_token")
Credential.OPERATOR = Credential("operator")


class ProofMethod(StrEnum):
    """How the owner of a session was authenticated when it was opened (RFC 8176 names such methods)."""

    PASSWORD = "password"  # noqa: S105 - the name of a method
    CERTIFICATE = "certificate"
    ADMINISTRATOR = "administrator"  # an administrator opened the session for its owner

    @property
    def steps_up(self) -> bool:
        """Whether it allows sensitive acts while it is recent.

        A key or another person's word is not the owner's password.
        """
        return self is ProofMethod.PASSWORD
