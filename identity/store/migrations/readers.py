"""Which versions of the service can work with the schema, written down in the database itself.

Migrations add first, and take away in a later version, when nothing reads it any more. So a node goes on while others
are upgraded, and can be started again: its revision stands among the readers of the newer schema.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, Select, delete, inspect, select

from identity.store.models import SCHEMA_READERS

# The oldest revision whose code works with the newest schema. A migration that takes something away, or demands
# something that older code does not write, raises it to the first revision that did without.
READERS_FROM: Final = "0010"

ALL_READERS: Final[Select[str, str | None]] = select(
    SCHEMA_READERS.c.revision, SCHEMA_READERS.c.version
).order_by(SCHEMA_READERS.c.age)


def declare(connection: Connection, revisions: Sequence[str], *, version: str | None) -> None:
    """Write down whose code works with the schema.

    Args:
        connection: in the transaction that has migrated.
        revisions: of that code, newest first.
        version: of the Identity that migrated.
    """
    known = {row.revision: row.version for row in connection.execute(ALL_READERS)}
    if version:
        known[revisions[0]] = version
    connection.execute(delete(SCHEMA_READERS))
    rows = [
        {"revision": revision, "age": age, "version": known.get(revision)}
        for age, revision in enumerate(revisions)
    ]
    connection.execute(SCHEMA_READERS.insert(), rows)


def withdraw(connection: Connection) -> None:
    """Forget the readers of a schema that was taken back."""
    if inspect(connection).has_table(SCHEMA_READERS.name):
        connection.execute(delete(SCHEMA_READERS))
