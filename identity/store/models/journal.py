"""The journal: what ended or changed while tokens or caches may still say otherwise."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from identity.store.models.base import Base, Id


class JournalEntry(Base):
    """One entry; see `store.journal`.

    `at` is in Unix seconds by the clock of the node that wrote it. An entry with a session concerns
    that session alone, one with an account all of its credentials, and one with neither marks that
    access tokens were issued at that time. `transaction_id` is PostgreSQL's, because its ids are
    not in the order of commits.
    """

    __tablename__ = "journal"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    at: Mapped[int] = mapped_column(BigInteger, index=True)
    account_id: Mapped[int | None] = mapped_column(Id)
    session_id: Mapped[str | None] = mapped_column(String(32))
    transaction_id: Mapped[int | None] = mapped_column(BigInteger, index=True)


# For frequent statements that need no mapped object.
JOURNAL: Final = Base.metadata.tables[JournalEntry.__tablename__]
