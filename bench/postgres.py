"""A PostgreSQL server: the one the tests use, given or started by them from Debian's binaries."""

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
    """Give the address of a server, or None where there is none."""
    sys.path.append(str(Path(__file__).parent.parent / "tests"))
    import postgresql  # noqa: PLC0415 - the tests' own, found only now

    with postgresql.server(folder) as url:
        yield url


@contextmanager
def fresh_database(address: str) -> Iterator[str]:
    """Make an empty database, give its URL, and drop it again."""
    import psycopg  # noqa: PLC0415 - only where PostgreSQL is measured

    name = f"identity_bench_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        try:
            yield (
                address.rpartition("/")[0].replace("postgresql://", "postgresql+psycopg://")
                + f"/{name}"
            )
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
