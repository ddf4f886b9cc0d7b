"""What is to change of an account: read, compared with what is known, validated, applied."""

from __future__ import annotations

from dataclasses import dataclass

from identity.domain.events import Event
from identity.domain.exposure import Exposure
from identity.domain.usernames import require_unreserved
from identity.domain.values import (
    UNSET,
    Identifier,
    Unset,
    read_email,
    read_full_name,
    read_username,
)
from identity.domain.views import AccountView
from identity.store.models import Account

WantedEmail = Identifier | Unset | None


@dataclass(frozen=True, slots=True)
class ProfileChange:
    """What is wanted of a profile; UNSET leaves a field alone, None empties it."""

    username: str | Unset = UNSET
    email: str | Unset | None = UNSET
    full_name: str | Unset | None = UNSET

    def beyond(self, known: AccountView) -> ProfileChange:
        """Return what of this an account does not have already; only a confirmed address counts as one it has."""
        username = UNSET if self.username == known.username else self.username
        settled = known.email_verified and known.pending_email is None
        email = UNSET if settled and self.email == known.email else self.email
        return ProfileChange(username, email, self.full_name)

    def events(self) -> list[Event]:
        """Return what the audit trail calls this, but for a new email."""
        return [] if self.username is UNSET and self.full_name is UNSET else [Event.CHANGED]

    @property
    def sensitive(self) -> bool:
        """Whether a stolen token must not be enough for this."""
        return not (self.username is UNSET and self.email is UNSET)


@dataclass(frozen=True, slots=True)
class PreparedChange:
    """A change whose values are valid: the columns to set, and the email that is wanted."""

    wanted: ProfileChange
    columns: dict[str, object]
    email: WantedEmail

    @property
    def username(self) -> str:
        """The new username, or an empty text."""
        return str(self.columns.get("username", ""))

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to change."""
        return not self.columns and self.email is UNSET

    def apply(self, account: Account) -> None:
        """Set the columns; the email has rules of its own, see `services.accounts.email_changes`."""
        for name, value in self.columns.items():
            setattr(account, name, value)


def prepare(wanted: ProfileChange, known: AccountView, exposure: Exposure) -> PreparedChange:
    """Validate what differs from the account as it is known.

    Raises:
        InvalidInput: a value cannot be used.
    """
    wanted = wanted.beyond(known)
    columns: dict[str, object] = {}
    if not isinstance(wanted.username, Unset):
        name = read_username(wanted.username)
        require_unreserved(name.canonical, exposure.reserved_usernames)
        columns |= {"username": name.raw, "username_canonical": name.canonical}
    if not isinstance(wanted.full_name, Unset):
        full_name = wanted.full_name
        columns["full_name"] = None if full_name is None else read_full_name(full_name)
    email = read_email(wanted.email) if isinstance(wanted.email, str) else wanted.email
    return PreparedChange(wanted, columns, email)
