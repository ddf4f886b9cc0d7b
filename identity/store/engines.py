"""Configures the engines of both databases, so that they behave alike for the rest of the code."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import URL, Connection, Engine, event

from identity.domain.poolers import Pooler
from identity.store.sqlite.file import require_same_file

LOCK_WAIT_SECONDS = 5
POOL_WAIT_SECONDS = 2
_RETRY_SECONDS = 0.01
_BEGIN = "identity_begin"


def engine_options(url: URL, *, pool_size: int) -> dict[str, Any]:
    """Return the `create_engine` arguments for `url`.

    Parameters are hidden from exceptions, because they include password hashes.
    """
    common: dict[str, Any] = {
        "hide_parameters": True,
        "pool_size": pool_size,
        "max_overflow": 0,
        "pool_timeout": POOL_WAIT_SECONDS,
        "pool_use_lifo": True,  # reuses few connections, whose caches are warm
    }
    if url.get_backend_name() == "sqlite":
        return common | {"connect_args": {"timeout": LOCK_WAIT_SECONDS, "check_same_thread": False}}
    return common | {
        "pool_pre_ping": True,
        "connect_args": {
            "connect_timeout": 3,
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 3,
            "tcp_user_timeout": 8000,
        },
    }


def prepare(engine: Engine, pooler: Pooler = Pooler.AUTO) -> None:
    """Set up transactions, pragmas and file checks on SQLite, and time limits on PostgreSQL.

    Args:
        engine: to set up.
        pooler: between the service and PostgreSQL.
    """
    if engine.dialect.name == "sqlite":
        require_same_file(engine)
        event.listen(engine, "connect", _set_pragmas)
        event.listen(engine, "begin", _begin)
    else:
        event.listen(engine, "do_connect", _connecting(pooler))


def _connecting(pooler: Pooler) -> Callable[..., Any]:
    def connect(
        _dialect: object, _record: object, arguments: list[Any], keywords: dict[str, Any]
    ) -> Any:  # noqa: ANN401 - a connection of the driver
        from identity.store.postgresql.connecting import open_connection  # noqa: PLC0415 - psycopg is an extra

        return open_connection(*arguments, pooler=pooler, **keywords)

    return connect


def _set_pragmas(connection: Any, _record: Any) -> None:  # noqa: ANN401 - a DBAPI connection has no type
    connection.isolation_level = None  # the driver sends no BEGIN; `_begin` does
    _use_wal(connection)
    for pragma in ("foreign_keys = ON", "synchronous = FULL"):
        connection.execute(f"PRAGMA {pragma}")


def _use_wal(connection: Any) -> None:  # noqa: ANN401 - as above
    # The first connections to a new database get "locked" without waiting for the busy timeout.
    end = time.monotonic() + LOCK_WAIT_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > end:
                raise
            time.sleep(_RETRY_SECONDS)
        else:
            return


def _begin(connection: Connection) -> None:
    if statement := connection.get_execution_options().get(_BEGIN, "BEGIN"):
        connection.exec_driver_sql(statement)


def for_writing(engine: Engine) -> Engine:
    """Return `engine` for transactions that write.

    On SQLite a deferred transaction fails immediately if another one wrote before its own first
    write. BEGIN IMMEDIATE takes the write lock first and waits for it up to LOCK_WAIT_SECONDS.
    """
    return engine.execution_options(**{_BEGIN: "BEGIN IMMEDIATE"})


def for_single_reads(engine: Engine) -> Engine:
    """Return `engine` without transactions, because one statement is consistent by itself."""
    if engine.dialect.name == "sqlite":
        return engine.execution_options(**{_BEGIN: ""})
    return engine.execution_options(isolation_level="AUTOCOMMIT")
