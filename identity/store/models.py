"""The tables. Canonical forms, times and identifiers are computed in Python and only kept here."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Text,
    false,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from identity.store.types import UtcDateTime

# SQLite gives never-reused ids only to a column that is exactly INTEGER PRIMARY KEY AUTOINCREMENT.
Id = BigInteger().with_variant(Integer(), "sqlite")


class Base(DeclarativeBase):
    """Root of the mapped classes; its naming convention keeps migrations nameable on both databases."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Account(Base):
    """Somebody who can be authenticated.

    `version` grows with every change that must end older credentials; sessions carry the version
    they belong to.
    """

    __tablename__ = "account"
    __table_args__ = (
        CheckConstraint("length(username_canonical) > 0", name="username_not_empty"),
        CheckConstraint("version > 0", name="version_positive"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    uuid: Mapped[str] = mapped_column(String(36), unique=True)
    short_id: Mapped[str] = mapped_column(String(17), unique=True)
    username: Mapped[str] = mapped_column(String(64))
    username_canonical: Mapped[str] = mapped_column(String(64), unique=True)
    email: Mapped[str | None] = mapped_column(String(254))
    email_canonical: Mapped[str | None] = mapped_column(String(254), unique=True)
    email_verified: Mapped[bool] = mapped_column(default=False, server_default=false())
    email_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    pending_email: Mapped[str | None] = mapped_column(String(254))
    full_name: Mapped[str | None] = mapped_column(String(128))
    password_hash: Mapped[str] = mapped_column(String(512))
    admin: Mapped[bool] = mapped_column(default=False, server_default=false())
    disabled: Mapped[bool] = mapped_column(default=False, server_default=false())
    activated: Mapped[bool] = mapped_column(default=False, server_default=false())
    must_change_password: Mapped[bool] = mapped_column(default=False, server_default=false())
    version: Mapped[int] = mapped_column(Integer, default=1, server_default=text("1"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)


class LoginSession(Base):
    """One login. Tokens name it; it ends by time, by `revoked_at`, or when its account moves on.

    `shown_at` (to the hour) and `renewed_at` (to the minute) say how it is used, and are null until then.
    """

    __tablename__ = "session"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    account_id: Mapped[int] = mapped_column(
        Id, ForeignKey("account.id", ondelete="CASCADE"), index=True
    )
    kind: Mapped[str] = mapped_column(String(16))
    version: Mapped[int] = mapped_column(Integer)
    authenticated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_used_at: Mapped[datetime] = mapped_column(UtcDateTime)
    shown_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    renewed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    absolute_end: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    idle_end: Mapped[datetime | None] = mapped_column(UtcDateTime)
    digest: Mapped[str | None] = mapped_column(String(64), unique=True)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    origin: Mapped[str] = mapped_column(String(64))


class Certificate(Base):
    """One client certificate. The row outlives its account, because the revocation list must name it."""

    __tablename__ = "certificate"

    serial: Mapped[str] = mapped_column(String(50), primary_key=True)
    account_id: Mapped[int | None] = mapped_column(
        Id, ForeignKey("account.id", ondelete="SET NULL"), index=True
    )
    version: Mapped[int] = mapped_column(Integer)
    fingerprint: Mapped[str] = mapped_column(String(64), unique=True)
    subject_key_id: Mapped[str] = mapped_column(String(64))
    authority_key_id: Mapped[str] = mapped_column(String(64))
    public_key: Mapped[str] = mapped_column(String(64), index=True)
    description: Mapped[str] = mapped_column(String(128))
    not_before: Mapped[datetime] = mapped_column(UtcDateTime)
    not_after: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reason: Mapped[str | None] = mapped_column(String(32))
    parent: Mapped[str | None] = mapped_column(String(50), index=True)
    line: Mapped[str | None] = mapped_column(String(50), index=True)


class OutboxMail(Base):
    """One mail to be sent, written with what it is about; `claimed_until` keeps two senders apart."""

    __tablename__ = "outbox_mail"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    message_id: Mapped[str] = mapped_column(String(64), unique=True)
    kind: Mapped[str] = mapped_column(String(32))
    recipient: Mapped[str] = mapped_column(String(254))
    account_id: Mapped[int] = mapped_column(
        Id, ForeignKey("account.id", ondelete="CASCADE"), index=True
    )
    version: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    next_attempt_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    attempts: Mapped[int] = mapped_column(Integer, default=0, server_default=text("0"))
    claimed_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    parked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    certificate: Mapped[str | None] = mapped_column(String(50))


class AuditEvent(Base):
    """Something that happened. Names are kept as they were, so that the trail outlives the account."""

    __tablename__ = "audit_event"
    __table_args__ = (
        Index(None, "subject_id", "id"),
        Index(None, "actor_id", "id"),
        Index(None, "at"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    kind: Mapped[str] = mapped_column(String(32))
    outcome: Mapped[str] = mapped_column(String(16))
    actor_id: Mapped[int | None] = mapped_column(Id)
    actor: Mapped[str | None] = mapped_column(String(64))
    subject_id: Mapped[int | None] = mapped_column(Id)
    subject: Mapped[str | None] = mapped_column(String(64))
    credential: Mapped[str] = mapped_column(String(16))
    address: Mapped[str] = mapped_column(String(64))
    tongue: Mapped[str] = mapped_column(String(16))
    request_id: Mapped[str] = mapped_column(String(64))


class AccountChange(Base):
    """A note for every process that what it remembers of an account is over; see `store.changes`."""

    __tablename__ = "account_change"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    account_id: Mapped[int] = mapped_column(Id)


class Counter(Base):
    """How often something was tried in a window that ends at `ends_at`. Keys are digests."""

    __tablename__ = "counter"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    count: Mapped[int] = mapped_column(Integer)
    ends_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class SchemaReader(Base):
    """A revision whose code works with this schema, the newest at age 0; see `store.migrations.readers`."""

    __tablename__ = "schema_reader"

    revision: Mapped[str] = mapped_column(String(32), primary_key=True)
    age: Mapped[int] = mapped_column(Integer)
    version: Mapped[str | None] = mapped_column(String(32))


class Node(Base):
    """A running node and the names of its keys, never the keys; gone once it was not seen for a while."""

    __tablename__ = "node"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    since: Mapped[datetime] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    signing: Mapped[str] = mapped_column(Text)
    accepted: Mapped[str] = mapped_column(Text)


# For statements that are asked often and need no object.
ACCOUNTS: Final = Base.metadata.tables[Account.__tablename__]
CERTIFICATES: Final = Base.metadata.tables[Certificate.__tablename__]
COUNTERS: Final = Base.metadata.tables[Counter.__tablename__]
SESSIONS: Final = Base.metadata.tables[LoginSession.__tablename__]
AUDIT_EVENTS: Final = Base.metadata.tables[AuditEvent.__tablename__]
CHANGES: Final = Base.metadata.tables[AccountChange.__tablename__]
SCHEMA_READERS: Final = Base.metadata.tables[SchemaReader.__tablename__]
NODES: Final = Base.metadata.tables[Node.__tablename__]
