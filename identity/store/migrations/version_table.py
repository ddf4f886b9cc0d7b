"""The table with the revision of the schema.

Its name is Identity's own, because other programs may use the same database. Alembic's default name
is `alembic_version`, which those use and which Identity used at first. A table with that name is
only read, because running nodes of the former version still use it.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from sqlalchemy import Connection, Select, column, inspect, select, table
from sqlalchemy.exc import DBAPIError

VERSION_TABLE: Final = "identity_alembic_version"
DEFAULT_TABLE: Final = "alembic_version"
# Columns that `account` has had since the first revision; no other program has both.
_OUR_COLUMNS: Final = frozenset({"short_id", "username_canonical"})


def current(connection: Connection) -> set[str]:
    """Return the revision of the schema, or an empty set if Identity has none here."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return set()
    return _revisions(connection, VERSION_TABLE)


def former(connection: Connection, known: Collection[str]) -> str | None:
    """Return the revision that a former version of Identity kept under Alembic's default name.

    Args:
        connection: only read from.
        known: the revisions that this version knows.
    """
    found = inspect(connection)
    if not (found.has_table(DEFAULT_TABLE) and found.has_table("account")):
        return None
    if not {each["name"] for each in found.get_columns("account")} >= _OUR_COLUMNS:
        return None
    revisions = _revisions(connection, DEFAULT_TABLE)
    return revisions.pop() if len(revisions) == 1 and revisions <= set(known) else None


def belongs_to_another(connection: Connection, known: Collection[str]) -> bool:
    """Tell whether the table with Alembic's default name is another program's."""
    return inspect(connection).has_table(DEFAULT_TABLE) and former(connection, known) is None


def _revisions(connection: Connection, name: str) -> set[str]:
    statement: Select[Any] = select(column("version_num")).select_from(table(name))
    try:
        # If a table of another program cannot be read, only the savepoint fails.
        with connection.begin_nested():
            return set(connection.execute(statement).scalars()) - {""}
    except DBAPIError:
        if name == VERSION_TABLE:
            raise
        return set()
