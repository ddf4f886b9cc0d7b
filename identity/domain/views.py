"""What a use case hands back: plain, frozen, and without a secret except where the caller asked for one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, NamedTuple, TypeVar

Item = TypeVar("Item")


class AccountName(NamedTuple):
    """An account where only its name is asked for, as for all accounts at once."""

    id: int
    short_id: str
    username: str


@dataclass(frozen=True, slots=True)
class AccountView:
    """One account, without anything that proves to be it. Times are aware UTC."""

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
    """What services behind a proxy may hear of an account beside its name; None: nothing that could be relied on."""

    email: str | None
    full_name: str | None


@dataclass(frozen=True, slots=True)
class SessionView:
    """One live login of an account. `current` marks the one that asked."""

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
    """One thing that happened, and who did it to whom."""

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
    """A secret for its owner: the token itself and for how long it lives."""

    token: str
    duration: timedelta


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """Some of a list, and where to go on; `cursor` is None at the end."""

    items: tuple[Item, ...]
    cursor: int | None
