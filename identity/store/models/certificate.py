"""Client certificates."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import (
    ForeignKey,
    Integer,
    String,
)
from sqlalchemy.orm import Mapped, mapped_column

from identity.store.models.base import Base, Id
from identity.store.types import UtcDateTime


class Certificate(Base):
    """One client certificate. It outlives its account, because the revocation list needs it."""

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


# For frequent statements that need no mapped object.
CERTIFICATES: Final = Base.metadata.tables[Certificate.__tablename__]
