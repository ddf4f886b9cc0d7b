"""Opens connections to PostgreSQL, directly or through a pooler."""

from __future__ import annotations

from typing import Any, Final

from identity.domain.poolers import Pooler
from identity.store.postgresql.timeout import TimeoutConnection

LIMITS: Final = {
    "statement_timeout": "5s",
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "10s",
    "timezone": "UTC",
}
# One statement after connecting, because poolers refuse these settings while a client connects.
_SET: Final = "SELECT pg_backend_pid(), " + ", ".join(
    f"set_config('{name}', '{value}', false)" for name, value in LIMITS.items()
)


def open_connection(
    *arguments: Any,  # noqa: ANN401 - those of the driver
    pooler: Pooler,
    **keywords: Any,  # noqa: ANN401 - as above
) -> TimeoutConnection:
    """Return a new connection with time limits; `shared` tells whether transactions share it."""
    connection = TimeoutConnection.connect(*arguments, **keywords)
    try:
        connection.autocommit = True
        row = connection.execute(_SET, prepare=False).fetchone()
        connection.autocommit = False
    except BaseException:
        connection.close()
        raise
    # The pid that a pooler tells its clients is not that of the server's process.
    differs = row is not None and row[0] != connection.info.backend_pid
    if pooler is Pooler.TRANSACTION or (pooler is Pooler.AUTO and differs):
        connection.shared = True
        connection.prepare_threshold = None  # the next transaction may run on another connection
    return connection
