"""Sessions: one row for each login."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import (
    ForeignKey,
    Integer,
    String,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from identity.store.models.base import Base, Id, unique_where_set
from identity.store.types import UtcDateTime


class LoginSession(Base):
    """One login, which its tokens name.

    It is valid until it expires, `revoked_at` is set, or the account's `version` grows. `shown_at`
    (to the hour) and `renewed_at` (to the minute) record its use, and are null before that.
    """

    __tablename__ = "session"
    __table_args__ = (unique_where_set("digest"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    account_id: Mapped[int] = mapped_column(
        Id, ForeignKey("account.id", ondelete="CASCADE"), index=True
    )
    kind: Mapped[str] = mapped_column(String(16))
    version: Mapped[int] = mapped_column(Integer)
    authenticated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    proof: Mapped[str] = mapped_column(
        String(16), default="password", server_default=text("'password'")
    )
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_used_at: Mapped[datetime] = mapped_column(UtcDateTime)
    shown_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    renewed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    absolute_end: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    idle_end: Mapped[datetime | None] = mapped_column(UtcDateTime)
    digest: Mapped[str | None] = mapped_column(String(64))
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    origin: Mapped[str] = mapped_column(String(64))


# For frequent statements that need no mapped object.
SESSIONS: Final = Base.metadata.tables[LoginSession.__tablename__]
