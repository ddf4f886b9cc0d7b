"""The database behind an application: its statements and its rows, without use cases."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import psycopg
import pytest
from flask import Flask
from sqlalchemy import Engine, event, inspect, select, text

from identity import create_app
from identity.store.models import Account, Base
from support.app import close, config, services
from support.clock import ManualClock
from support.postgresql import Database


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
    """Change rows past every use case, without a notification."""
    with engine_of(app).begin() as connection:
        connection.execute(text(statement), values)


def end_connections(database_url: str) -> int:
    """Make a PostgreSQL server end every connection to a database; return how many there were."""
    query = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> "
        "pg_backend_pid()"
    )
    with psycopg.connect(database_url.replace("+psycopg", ""), autocommit=True) as connection:
        return len(connection.execute(query, [connection.info.dbname]).fetchall())


def table_rows(app: Flask, model: type[Base]) -> list[dict[str, Any]]:
    """Return all rows of a table, oldest first where that can be told."""
    table = model.__table__
    with app.app_context():
        engine = app.extensions["sqlalchemy"].engine
    with engine.connect() as connection:
        found = connection.execute(select(table).order_by(*inspect(model).primary_key))
        return [dict(row._mapping) for row in found]


def account_row(app: Flask, username: str) -> dict[str, Any]:
    """Return the row of one account."""
    return next(row for row in table_rows(app, Account) if row["username"] == username)


@contextmanager
def shared_database(
    request: pytest.FixtureRequest, factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Flask]]:
    """Make applications on one database for many tests, and close them at the end;
    `request.param` says on which engine."""
    data_dir = factory.mktemp("shared")
    with ExitStack() as stack:
        if request.param == "sqlite":
            shutil.copy(request.getfixturevalue("sqlite_template"), data_dir / "shared.sqlite3")
            url = f"sqlite:///{data_dir / 'shared.sqlite3'}"
        else:
            template = request.getfixturevalue("postgresql_template")
            database = Database(request.getfixturevalue("postgresql_server"), template)
            database.name += "_shared"  # the other databases of this process are counted elsewhere
            url = stack.enter_context(database)

        def make(**settings: str) -> Flask:
            given = {"database_url": url, "lockout_failures": "1000"} | settings
            app = create_app(config(data_dir / "data", **given), clock=ManualClock())
            stack.callback(close, app)
            return app

        yield make
