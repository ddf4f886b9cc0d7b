"""Gives the PostgreSQL server of the tests: a configured one, or one started for the run."""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_numbers = itertools.count(1)


@contextmanager
def server(folder: Path) -> Iterator[str | None]:
    """Give the URL of a server, or None if there is none."""
    sys.path.append(str(Path(__file__).parents[2] / "tests"))
    from support import postgresql  # noqa: PLC0415 - a module of the tests, importable only now

    with postgresql.server(folder) as url:
        yield url


@contextmanager
def fresh_database(url: str) -> Iterator[str]:
    """Create an empty database, give its URL, and drop it afterwards."""
    import psycopg  # noqa: PLC0415 - needed only if PostgreSQL is measured

    name = f"identity_bench_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        try:
            yield (
                url.rpartition("/")[0].replace("postgresql://", "postgresql+psycopg://")
                + f"/{name}"
            )
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
