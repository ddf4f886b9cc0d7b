"""What the service accepts from and reveals to unauthenticated callers; decided at the start."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Registration(StrEnum):
    """Who may create accounts through the registration calls (`IDENTITY_REGISTRATION`)."""

    OPEN = "open"
    ADMIN = "admin"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Exposure:
    """The policy that follows from `IDENTITY_HARDENED` and the settings of registration.

    Args:
        hardened: be stricter than the documents of the dialects.
        registration: who may register.
        reserved_usernames: usernames that no account may have, in canonical form.
    """

    hardened: bool
    registration: Registration = Registration.OPEN
    reserved_usernames: frozenset[str] = frozenset()

    @property
    def hides_emails(self) -> bool:
        """Whether only its owner learns, by mail, that an email belongs to an account."""
        return self.hardened

    @property
    def hides_users(self) -> bool:
        """Whether only users themselves and administrators see an account."""
        return self.hardened

    @property
    def first_account_is_admin(self) -> bool:
        """Whether the first account registered through Wekan becomes an administrator."""
        return not self.hardened

    @property
    def activates_by_id(self) -> bool:
        """Whether continuous.sh activates an account by its id alone."""
        return not self.hardened

    @property
    def tells_unknown_accounts(self) -> bool:
        """Whether a dialect may distinguish an unknown name from a wrong password."""
        return not self.hardened

    @property
    def tokens_in_headers(self) -> bool:
        """Whether Certifire's token call repeats the token in a header."""
        return not self.hardened
