"""INSERT with ON CONFLICT for each database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Table

from identity.store.models import Base

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite


def insert(dialect: str, table: Table | type[Base]) -> postgresql.Insert | sqlite.Insert:
    """Return an INSERT into `table` that has the `on_conflict_…` methods of this SQL dialect."""
    if dialect == "postgresql":
        from sqlalchemy.dialects import postgresql  # noqa: PLC0415 - slow to import

        return postgresql.insert(table)
    from sqlalchemy.dialects import sqlite  # noqa: PLC0415 - see above

    return sqlite.insert(table)
