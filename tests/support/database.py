"""The database behind an application: its statements, and its rows past every use case."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from flask import Flask
from sqlalchemy import Engine, event, text

from support.app import services


def engine_of(app: Flask) -> Engine:
    """Return the engine of an application."""
    return services(app).schema._engine


@contextmanager
def statements(app: Flask) -> Iterator[list[str]]:
    """Collect the SQL that an application sends."""
    seen: list[str] = []

    def see(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    engine = engine_of(app)
    event.listen(engine, "before_cursor_execute", see)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", see)


def rows(app: Flask, query: str, **values: object) -> list[tuple[Any, ...]]:
    """Return what a query finds, past every use case."""
    with engine_of(app).connect() as connection:
        return [tuple(row) for row in connection.execute(text(query), values)]


def execute(app: Flask, statement: str, **values: object) -> None:
    """Change rows past every use case, so that nobody is told."""
    with engine_of(app).begin() as connection:
        connection.execute(text(statement), values)


def end_connections(database_url: str) -> int:
    """Make a PostgreSQL server end every connection to a database; return how many there were."""
    query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"
    with psycopg.connect(database_url.replace("+psycopg", ""), autocommit=True) as connection:
        return len(connection.execute(query, [connection.info.dbname]).fetchall())
