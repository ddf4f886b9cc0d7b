"""What the native dialect shows: the exact fields of every answer."""

from __future__ import annotations

from datetime import datetime

from pydantic import ConfigDict

from identity.web.requests.body import Body


class Shown(Body):
    """A body that is shown, made from a view of the same fields."""

    model_config = ConfigDict(from_attributes=True)


class Name(Shown):
    """A user as everybody may see him (seed 004)."""

    username: str


class Profile(Shown):
    """A user as he sees himself."""

    id: int
    uuid: str
    username: str
    email: str | None
    email_verified: bool
    pending_email: str | None
    full_name: str | None
    admin: bool
    activated: bool
    created_at: datetime
    updated_at: datetime


class User(Profile):
    """A user as an administrator sees him."""

    disabled: bool
    must_change_password: bool
    locked_until: datetime | None


class Users(Shown):
    """Some users; ask again with `cursor` for more, until it is null."""

    users: list[User]
    cursor: int | None


class Token(Shown):
    """A token and the seconds it lives (seed 004)."""

    token: str
    duration: int


class Greeting(Shown):
    """The protected resource (seed 004)."""

    data: str


class Session(Shown):
    """One login and its end."""

    id: str
    kind: str
    created_at: datetime
    authenticated_at: datetime
    last_used_at: datetime
    absolute_end: datetime
    origin: str
    current: bool


class SignedCertificate(Shown):
    """A new certificate in PEM, and where it comes from."""

    cert: str
    chain: str


class CertificateEntry(Shown):
    """One certificate of the caller."""

    serial: str
    fingerprint: str
    description: str
    not_before: datetime
    not_after: datetime
    revoked_at: datetime | None
    renewed_from: str | None
    line: str


class Certificates(Shown):
    """The caller's certificates that time has not ended, newest first."""

    certificates: list[CertificateEntry]


class Sessions(Shown):
    """The caller's live logins, newest first."""

    sessions: list[Session]


class OutboxCounts(Shown):
    """Letters by state."""

    waiting: int
    sent: int
    parked: int


class AuditEntry(Shown):
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


class AuditTrail(Shown):
    """Some of the trail, newest first; ask again with `cursor` for older entries, until it is null."""

    events: list[AuditEntry]
    cursor: int | None
