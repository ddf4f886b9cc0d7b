"""Response bodies of the native dialect."""

from __future__ import annotations

from datetime import datetime

from pydantic import ConfigDict

from identity.web.requests.body import Body


class Shown(Body):
    """A response body, made from a view with the same fields."""

    model_config = ConfigDict(from_attributes=True)


class Name(Shown):
    """The public part of a user (Certifire)."""

    username: str


class Profile(Shown):
    """A user's own account."""

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
    """A user, for administrators."""

    disabled: bool
    must_change_password: bool
    locked_until: datetime | None


class Users(Shown):
    """A page of users; `cursor` gets the next one and is null on the last."""

    users: list[User]
    cursor: int | None


class Token(Shown):
    """A token and its lifetime in seconds (Certifire)."""

    token: str
    duration: int


class Greeting(Shown):
    """The public or the protected resource (Certifire)."""

    data: str


class Session(Shown):
    """A session."""

    id: str
    kind: str
    created_at: datetime
    authenticated_at: datetime
    last_used_at: datetime
    absolute_end: datetime
    origin: str
    current: bool


class SignedCertificate(Shown):
    """A new certificate and the CA's chain, both in PEM."""

    cert: str
    chain: str


class CertificateEntry(Shown):
    """A client certificate."""

    serial: str
    fingerprint: str
    description: str
    not_before: datetime
    not_after: datetime
    revoked_at: datetime | None
    renewed_from: str | None
    line: str


class Certificates(Shown):
    """An account's certificates that have not expired, newest first."""

    certificates: list[CertificateEntry]


class Sessions(Shown):
    """An account's valid sessions, newest first."""

    sessions: list[Session]


class OutboxCounts(Shown):
    """Mails by state."""

    waiting: int
    sent: int
    parked: int


class AuditEntry(Shown):
    """An event of the audit log, with its actor and its subject."""

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


class AuditLog(Shown):
    """A page of events, newest first; `cursor` gets older ones and is null on the last page."""

    events: list[AuditEntry]
    cursor: int | None
