"""Records in the database which versions of the service can work with the schema.

Migrations first add what is new; a later version removes what is no longer read. So an older node
keeps working while others are upgraded, and can be restarted: its revision is listed among the
readers of the newer schema.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, Select, delete, inspect, select

from identity.store.models import SCHEMA_READERS

# The oldest revision whose code works with the newest schema. A migration that removes something,
# or requires something that older code does not write, raises it to the first revision that no
# longer depends on the old state.
READERS_FROM: Final = "0011"

ALL_READERS: Final[Select[str, str | None]] = select(
    SCHEMA_READERS.c.revision, SCHEMA_READERS.c.version
).order_by(SCHEMA_READERS.c.age)


def declare(connection: Connection, revisions: Sequence[str], *, version: str | None) -> None:
    """Record the revisions whose code works with the schema.

    Args:
        connection: in the transaction of the migration.
        revisions: newest first.
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
    """Delete the readers of a schema that was downgraded."""
    if inspect(connection).has_table(SCHEMA_READERS.name):
        connection.execute(delete(SCHEMA_READERS))
