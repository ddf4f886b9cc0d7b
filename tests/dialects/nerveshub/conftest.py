"""Clients and callers of NervesHub's dialect."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from support.database import account_row
from support.dialects import DialectClient, dialect_client_of, shared_dialect_client
from support.nerveshub import USER


@pytest.fixture
def say(app: Flask) -> Iterator[DialectClient]:
    with dialect_client_of(app, "/nerveshub") as dialect_client:
        yield dialect_client


@pytest.fixture
def user(say: DialectClient) -> dict[str, Any]:
    """The document's user, registered as the document does."""
    assert say.post("/users/register", USER).status_code == 200
    return account_row(say.app, "user1234")


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def still(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DialectClient]:
    """One application for all requests that change nothing."""
    with shared_dialect_client(request, tmp_path_factory, "/nerveshub") as dialect_client:
        yield dialect_client
