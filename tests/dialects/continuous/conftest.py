"""Clients and callers of continuous.sh's dialect."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask

from support.continuous import LOGIN, USER
from support.dialects import (
    DialectClient,
    dialect_client_of,
)
from support.mail import Mailbox


@pytest.fixture
def say(app: Flask) -> Iterator[DialectClient]:
    with dialect_client_of(app, "/continuous") as dialect_client:
        yield dialect_client


@pytest.fixture
def user(say: DialectClient) -> str:
    """The UUID of the document's user."""
    found: str = say.post("/users", USER).json["id"]
    return found


@pytest.fixture
def jwt(say: DialectClient, user: str) -> str:
    """A session of the user."""
    assert user
    found: str = say.post("/sessions", LOGIN).json["token"]
    return found


@pytest.fixture
def mailbox(app: Flask) -> Mailbox:
    return Mailbox(app)
