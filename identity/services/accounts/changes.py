"""Changes of a profile: compared with the account, validated, applied."""

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

NewEmail = Identifier | Unset | None


@dataclass(frozen=True, slots=True)
class ProfileChange:
    """The new values of a profile; UNSET leaves a field unchanged, None clears it."""

    username: str | Unset = UNSET
    email: str | Unset | None = UNSET
    full_name: str | Unset | None = UNSET

    def beyond(self, account: AccountView) -> ProfileChange:
        """Return the values that differ from an account; an unconfirmed email always differs."""
        username = UNSET if self.username == account.username else self.username
        settled = account.email_verified and account.pending_email is None
        email = UNSET if settled and self.email == account.email else self.email
        return ProfileChange(username, email, self.full_name)

    def events(self) -> list[Event]:
        """Return the audit events of this change, except those of a new email."""
        return [] if self.username is UNSET and self.full_name is UNSET else [Event.CHANGED]

    @property
    def sensitive(self) -> bool:
        """Whether this needs recent authentication."""
        return not (self.username is UNSET and self.email is UNSET)


@dataclass(frozen=True, slots=True)
class PreparedChange:
    """A validated change: the columns to set, and the new email."""

    values: ProfileChange
    columns: dict[str, object]
    email: NewEmail

    @property
    def username(self) -> str:
        """The new username, or an empty string."""
        return str(self.columns.get("username", ""))

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to change."""
        return not self.columns and self.email is UNSET

    def apply(self, account: Account) -> None:
        """Set the columns. The email is set by `services.accounts.email_changes`."""
        for name, value in self.columns.items():
            setattr(account, name, value)


def prepare(values: ProfileChange, account: AccountView, exposure: Exposure) -> PreparedChange:
    """Validate the values that differ from an account.

    Raises:
        InvalidInput: a value is invalid.
    """
    values = values.beyond(account)
    columns: dict[str, object] = {}
    if not isinstance(values.username, Unset):
        name = read_username(values.username)
        require_unreserved(name.canonical, exposure.reserved_usernames)
        columns |= {"username": name.raw, "username_canonical": name.canonical}
    if not isinstance(values.full_name, Unset):
        full_name = values.full_name
        columns["full_name"] = None if full_name is None else read_full_name(full_name)
    email = read_email(values.email) if isinstance(values.email, str) else values.email
    return PreparedChange(values, columns, email)
