"""Tells whether a database accepts writes, without writing."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, Engine, delete, false, text
from sqlalchemy.exc import OperationalError

from identity.store.engines import LOCK_WAIT_SECONDS, for_single_reads
from identity.store.models import JOURNAL, Base

# False on a standby, for a server, database or role that is set to read-only, and for a role that
# lacks a privilege.
_NAMES: Final = ", ".join(f"'{name}'" for name in sorted(Base.metadata.tables))
_RIGHTS: Final = " AND ".join(
    f"has_table_privilege(name, '{right}')" for right in ("INSERT", "UPDATE", "DELETE")
)
_IS_WRITABLE: Final = text(
    "SELECT current_setting('transaction_read_only') = 'off' AND NOT pg_is_in_recovery()"  # noqa: S608 - constants
    f" AND (SELECT bool_and({_RIGHTS}) FROM unnest(ARRAY[{_NAMES}]) name)"
)
# Deletes nothing but needs the write lock, which a read-only database refuses.
_DELETE_NOTHING: Final = delete(JOURNAL).where(false())


def is_writable(engine: Engine) -> bool:
    """Tell whether a transaction could write now, or after another one has ended.

    Raises:
        DBAPIError: the database does not respond.
    """
    with for_single_reads(engine).connect() as connection:
        if engine.dialect.name == "sqlite":
            return _sqlite_is_writable(connection)
        return bool(connection.execute(_IS_WRITABLE).scalar())


def _sqlite_is_writable(connection: Connection) -> bool:
    connection.exec_driver_sql("PRAGMA busy_timeout = 0")
    try:
        connection.execute(_DELETE_NOTHING)
    except OperationalError as error:
        if "readonly" in str(error.orig):
            return False
        if "locked" not in str(error.orig):
            raise
    finally:
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {LOCK_WAIT_SECONDS * 1000}")
    return True
