"""The audit log."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import (
    Index,
    String,
)
from sqlalchemy.orm import Mapped, mapped_column

from identity.store.models.base import Base, Id
from identity.store.types import UtcDateTime


class AuditEvent(Base):
    """One event. Names are copied, so that the event outlives the account."""

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
    ip: Mapped[str] = mapped_column(String(64))
    dialect: Mapped[str] = mapped_column(String(16))
    request_id: Mapped[str] = mapped_column(String(64))


# For frequent statements that need no mapped object.
AUDIT_EVENTS: Final = Base.metadata.tables[AuditEvent.__tablename__]
