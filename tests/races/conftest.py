"""One node, or two on the same database; both are raced."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from support.accounts import populate

ROOM = {"database_pool": "20", "lockout_failures": "5"}


@pytest.fixture(params=[1, 2], ids=["one node", "two nodes"])
def nodes(request: pytest.FixtureRequest, make_app: Callable[..., Flask]) -> list[Flask]:
    """Applications on one database, with the accounts of Certifire's document, in a list of sixteen to take
    turns in."""
    made = [make_app(**ROOM) for _ in range(request.param)]
    populate(made[0])
    return made * (16 // len(made))
