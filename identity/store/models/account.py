"""Accounts."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import (
    CheckConstraint,
    Integer,
    String,
    false,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from identity.store.models.base import Base, Id, unique_where_set
from identity.store.types import UtcDateTime


class Account(Base):
    """An account.

    `version` grows with every change that must invalidate the account's credentials; sessions,
    certificates and one-time tokens carry the version under which they were made.
    """

    __tablename__ = "account"
    __table_args__ = (
        CheckConstraint("length(username_canonical) > 0", name="username_not_empty"),
        CheckConstraint("version > 0", name="version_positive"),
        unique_where_set("email_canonical"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    uuid: Mapped[str] = mapped_column(String(36), unique=True)
    short_id: Mapped[str] = mapped_column(String(17), unique=True)
    username: Mapped[str] = mapped_column(String(64))
    username_canonical: Mapped[str] = mapped_column(String(64), unique=True)
    email: Mapped[str | None] = mapped_column(String(254))
    email_canonical: Mapped[str | None] = mapped_column(String(254))
    email_verified: Mapped[bool] = mapped_column(default=False, server_default=false())
    email_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    pending_email: Mapped[str | None] = mapped_column(String(254))
    full_name: Mapped[str | None] = mapped_column(String(128))
    password_hash: Mapped[str | None] = mapped_column(String(512))
    kind: Mapped[str] = mapped_column(String(16), default="person", server_default=text("'person'"))
    admin: Mapped[bool] = mapped_column(default=False, server_default=false())
    disabled: Mapped[bool] = mapped_column(default=False, server_default=false())
    activated: Mapped[bool] = mapped_column(default=False, server_default=false())
    must_change_password: Mapped[bool] = mapped_column(default=False, server_default=false())
    version: Mapped[int] = mapped_column(Integer, default=1, server_default=text("1"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)


# For frequent statements that need no mapped object.
ACCOUNTS: Final = Base.metadata.tables[Account.__tablename__]
