"""Running nodes, and the versions that can work with the schema."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import (
    Integer,
    String,
    Text,
)
from sqlalchemy.orm import Mapped, mapped_column

from identity.store.models.base import Base
from identity.store.types import UtcDateTime


class Node(Base):
    """A running node and the names of its keys; deleted when it has not been seen for an hour."""

    __tablename__ = "node"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    since: Mapped[datetime] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    signing: Mapped[str] = mapped_column(Text)
    accepted: Mapped[str] = mapped_column(Text)


class SchemaReader(Base):
    """A revision whose code works with this schema; see `store.migrations.readers`.

    The newest has age 0.
    """

    __tablename__ = "schema_reader"

    revision: Mapped[str] = mapped_column(String(32), primary_key=True)
    age: Mapped[int] = mapped_column(Integer)
    version: Mapped[str | None] = mapped_column(String(32))


# For frequent statements that need no mapped object.
NODES: Final = Base.metadata.tables[Node.__tablename__]
SCHEMA_READERS: Final = Base.metadata.tables[SchemaReader.__tablename__]
