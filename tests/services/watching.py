"""What tests below the door look through: counted hashes, seen statements, raw rows, log lines."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import psycopg
from conftest import ORIGIN, principal, services
from flask import Flask
from sqlalchemy import Engine, event, text

from identity.adapters.logs import JsonFormatter
from identity.domain.errors import Busy
from identity.domain.ports import Hasher, Passwords, Verdict
from identity.domain.principal import Principal
from identity.domain.views import AuditView
from identity.services.administration.audit_query import AuditFilter


class CountedPasswords:
    """The real guard, counting what is computed. `meanwhile` runs while a password is being checked."""

    def __init__(self, inner: Passwords) -> None:
        self._inner = inner
        self._lock = threading.Lock()
        self.checked: list[str | None] = []
        self.hashed = 0
        self.meanwhile: Callable[[], object] = lambda: None

    @contextmanager
    def admit(self, *caller: str) -> Iterator[Hasher]:
        with self._inner.admit(*caller) as hasher:
            yield _CountedHasher(self, hasher)

    def turned_away(self, address: str, name: str) -> Busy | None:
        return self._inner.turned_away(address, name)

    def count(self, stored: str | None, *, new: bool = False) -> None:
        with self._lock:
            if new:
                self.hashed += 1
            else:
                self.checked.append(stored)


class _CountedHasher:
    def __init__(self, counts: CountedPasswords, inner: Hasher) -> None:
        self._counts, self._inner = counts, inner

    def hash(self, password: str) -> str:
        self._counts.count(None, new=True)
        return self._inner.hash(password)

    def verify(self, stored: str | None, password: str, *, typed: str | None = None) -> Verdict:
        self._counts.count(stored)
        verdict = self._inner.verify(stored, password, typed=typed)
        self._counts.meanwhile()
        return verdict


@contextmanager
def no_place(passwords: Passwords) -> Iterator[None]:
    """Take every place of the queue before the hash, from one address after another."""
    with ExitStack() as places:
        for number in range(100):  # of which the first fill it
            with suppress(Busy):
                places.enter_context(passwords.admit(f"198.51.100.{number}"))
        yield


def count_hashes(app: Flask) -> CountedPasswords:
    """Count every hash that an application computes from now on."""
    found = services(app)
    counted = CountedPasswords(found.authentication._passwords)
    for use_cases in (found.authentication, found.accounts, found.profiles):
        use_cases._passwords = counted  # type: ignore[attr-defined]
    return counted


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


def token_principal(app: Flask, name: str, password: str) -> tuple[str, Principal]:
    """Log in; return the token and the principal that it makes."""
    token = services(app).tokens.issue(principal(app, name, password)).token
    return token, by_token(app, token)


def by_token(app: Flask, token: str) -> Principal:
    """Return the principal of a token."""
    return services(app).authentication.by_token(token, ORIGIN)


def trail(app: Flask, admin: Principal) -> list[AuditView]:
    """Return the whole audit trail, oldest first."""
    page = services(app).audit.list(admin, AuditFilter(), cursor=None, limit=1000)
    return list(reversed(page.items))


def wait_until(condition: Callable[[], object], *, seconds: float = 10) -> None:
    """Ask until something is true: what is asked after so long must be true, however late the answer comes."""
    end, asked = time.monotonic() + seconds, 0.0
    while not condition():
        assert asked < end, "it did not come true"
        time.sleep(0.005)
        asked = time.monotonic()


@contextmanager
def logged() -> Iterator[list[str]]:
    """Collect the service's log lines as they would be printed."""
    lines: list[str] = []

    class Collect(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    logger, handler = logging.getLogger("identity"), Collect()
    handler.setFormatter(JsonFormatter())
    logger.addHandler(handler)
    try:
        yield lines
    finally:
        logger.removeHandler(handler)
