"""What use cases return: frozen, and without a secret unless the caller requested it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, NamedTuple, TypeVar

Item = TypeVar("Item")


class AccountName(NamedTuple):
    """An account with its identifiers only, as in lists of all accounts."""

    id: int
    short_id: str
    username: str


@dataclass(frozen=True, slots=True)
class AccountView:
    """One account, without its credentials. Times are aware UTC."""

    id: int
    uuid: str
    short_id: str
    username: str
    email: str | None
    email_verified: bool
    full_name: str | None
    admin: bool
    disabled: bool
    activated: bool
    must_change_password: bool
    created_at: datetime
    updated_at: datetime
    locked_until: datetime | None = None
    pending_email: str | None = None


@dataclass(frozen=True, slots=True)
class PresentedAccount:
    """What protected services receive about an account besides its name.

    None stands for a value that is missing or that they could not rely on.
    """

    email: str | None
    full_name: str | None


@dataclass(frozen=True, slots=True)
class SessionView:
    """One valid session of an account. `current` marks the session of the request itself."""

    id: str
    kind: str
    created_at: datetime
    authenticated_at: datetime
    last_used_at: datetime
    absolute_end: datetime
    origin: str
    current: bool


@dataclass(frozen=True, slots=True)
class AuditView:
    """One event, with its actor and its subject."""

    id: int
    at: datetime
    kind: str
    outcome: str
    actor_id: int | None
    actor: str | None
    subject_id: int | None
    subject: str | None
    credential: str
    ip: str
    dialect: str
    request_id: str


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A new token for its owner, and its lifetime."""

    token: str
    duration: timedelta


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """One page of a list; `cursor` is where the next one begins, or None at the end."""

    items: tuple[Item, ...]
    cursor: int | None
