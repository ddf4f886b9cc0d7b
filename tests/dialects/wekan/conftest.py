"""Clients and callers of Wekan's dialect."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask

from support.accounts import ADMIN, HAWK
from support.dialects import DialectClient, dialect_client_of, shared_dialect_client
from support.wekan import login


@pytest.fixture
def say(app: Flask) -> Iterator[DialectClient]:
    with dialect_client_of(app, "/wekan") as dialect_client:
        yield dialect_client


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def still(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DialectClient]:
    """One application for all requests that change nothing."""
    with shared_dialect_client(request, tmp_path_factory, "/wekan") as dialect_client:
        yield dialect_client


@pytest.fixture(scope="module")
def admin(still: DialectClient) -> str:
    """A token of the administrator there."""
    return login(still, *ADMIN)


@pytest.fixture(scope="module")
def hawk(still: DialectClient) -> str:
    """A token of another user."""
    return login(still, *HAWK)
