"""The counters of the limits."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import (
    Integer,
    String,
)
from sqlalchemy.orm import Mapped, mapped_column

from identity.store.models.base import Base
from identity.store.types import UtcDateTime


class Counter(Base):
    """How many attempts were made in a window that ends at `ends_at`. Keys are digests."""

    __tablename__ = "counter"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    count: Mapped[int] = mapped_column(Integer)
    ends_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


# For frequent statements that need no mapped object.
COUNTERS: Final = Base.metadata.tables[Counter.__tablename__]
