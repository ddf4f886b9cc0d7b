"""Clients and callers of Azuma's dialect."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask

from support.accounts import HAWK
from support.azuma import AZUMA
from support.dialects import (
    DialectClient,
    dialect_client_of,
    shared_dialect_client,
)


@pytest.fixture
def say(app: Flask) -> Iterator[DialectClient]:
    with dialect_client_of(app, "/azuma") as dialect_client:
        yield dialect_client


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def still(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DialectClient]:
    """One application for all requests that change nothing."""
    with shared_dialect_client(request, tmp_path_factory, "/azuma") as dialect_client:
        yield dialect_client


@pytest.fixture(scope="module")
def hawk(still: DialectClient) -> str:
    """A token of hawk."""
    found: str = still.post("/user/login", {"name": HAWK[0], "password": HAWK[1]}).json["token"]
    return found


@pytest.fixture
def token(say: DialectClient) -> str:
    """A token of azuma:neo, from a new login."""
    say.post("/user/register", AZUMA)
    found: str = say.post("/user/login", AZUMA).json["token"]
    return found
