"""Engines as the service makes them, on databases of each test's own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, create_engine, make_url

from identity.store.engines import engine_options, prepare


def _engine(url: str) -> Iterator[Engine]:
    engine = create_engine(url, **engine_options(make_url(url), pool_size=5))
    prepare(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def migrated(database_url: str) -> Iterator[Engine]:
    """A database with the tables of this version."""
    yield from _engine(database_url)


@pytest.fixture
def empty(empty_database_url: str) -> Iterator[Engine]:
    """A database without tables."""
    yield from _engine(empty_database_url)
