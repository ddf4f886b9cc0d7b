"""Whether a database takes writing: asked without writing anything."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, Engine, delete, false, text
from sqlalchemy.exc import OperationalError

from identity.store.engines import LOCK_WAIT_SECONDS, for_single_reads
from identity.store.models import CHANGES, Base

# A standby, a server or a database that is set to read only, a role without rights.
_NAMES: Final = ", ".join(f"'{name}'" for name in sorted(Base.metadata.tables))
_RIGHTS: Final = " AND ".join(
    f"has_table_privilege(name, '{right}')" for right in ("INSERT", "UPDATE", "DELETE")
)
_TAKES: Final = text(
    "SELECT current_setting('transaction_read_only') = 'off' AND NOT pg_is_in_recovery()"  # noqa: S608 - our own names
    f" AND (SELECT bool_and({_RIGHTS}) FROM unnest(ARRAY[{_NAMES}]) name)"
)
# Asks for the write lock, which is refused where only reading is allowed.
_NOTHING: Final = delete(CHANGES).where(false())


def takes_writing(engine: Engine) -> bool:
    """Tell whether a transaction could write now, or once another one has ended.

    Raises:
        DBAPIError: the database does not answer.
    """
    with for_single_reads(engine).connect() as connection:
        if engine.dialect.name == "sqlite":
            return _sqlite_takes_writing(connection)
        return bool(connection.execute(_TAKES).scalar())


def _sqlite_takes_writing(connection: Connection) -> bool:
    connection.exec_driver_sql("PRAGMA busy_timeout = 0")
    try:
        connection.execute(_NOTHING)
    except OperationalError as error:
        if "readonly" in str(error.orig):
            return False
        if "locked" not in str(error.orig):
            raise
    finally:
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {LOCK_WAIT_SECONDS * 1000}")
    return True
