"""INSERT as each database spells it where the row may be there already."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Table

from identity.store.models import Base

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite


def insert(dialect: str, table: Table | type[Base]) -> postgresql.Insert | sqlite.Insert:
    """Return an INSERT into `table` with `on_conflict_…`, in the words of this dialect of SQL."""
    if dialect == "postgresql":
        from sqlalchemy.dialects import postgresql  # noqa: PLC0415 - each costs more than all of `store`

        return postgresql.insert(table)
    from sqlalchemy.dialects import sqlite  # noqa: PLC0415 - see above

    return sqlite.insert(table)
