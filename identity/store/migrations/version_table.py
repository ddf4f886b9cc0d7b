"""The table that keeps the schema's revision.

It has a name of our own, because a database may serve other programs too. Alembic's default name, `alembic_version`,
is what those use, and what Identity used at first. A table of that name is only read: nodes of the former version,
which may still run beside this one, go by it.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from sqlalchemy import Connection, Select, column, inspect, select, table
from sqlalchemy.exc import DBAPIError

VERSION_TABLE: Final = "identity_alembic_version"
DEFAULT_TABLE: Final = "alembic_version"
# Columns of `account` since the first revision that no other program has beside each other.
_OUR_COLUMNS: Final = frozenset({"short_id", "username_canonical"})


def current(connection: Connection) -> set[str]:
    """Return the revision that the schema is at, or nothing where Identity has not been."""
    return (
        _revisions(connection, VERSION_TABLE)
        if inspect(connection).has_table(VERSION_TABLE)
        else set()
    )


def former(connection: Connection, known: Collection[str]) -> str | None:
    """Return the revision that Identity itself once kept under Alembic's default name.

    Args:
        connection: is only read from.
        known: the revisions of this version.
    """
    found = inspect(connection)
    if not (found.has_table(DEFAULT_TABLE) and found.has_table("account")):
        return None
    if not {each["name"] for each in found.get_columns("account")} >= _OUR_COLUMNS:
        return None
    revisions = _revisions(connection, DEFAULT_TABLE)
    return revisions.pop() if len(revisions) == 1 and revisions <= set(known) else None


def belongs_to_another(connection: Connection, known: Collection[str]) -> bool:
    """Tell whether another program keeps its revision in this database, under Alembic's default name."""
    return inspect(connection).has_table(DEFAULT_TABLE) and former(connection, known) is None


def _revisions(connection: Connection, name: str) -> set[str]:
    statement: Select[Any] = select(column("version_num")).select_from(table(name))
    try:
        with (
            connection.begin_nested()
        ):  # a table of another's that cannot be read ends this, not the migration
            return set(connection.execute(statement).scalars()) - {""}
    except DBAPIError:
        if name == VERSION_TABLE:
            raise
        return set()
