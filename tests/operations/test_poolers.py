"""Behind a real PgBouncer in both modes, everything works, and every node knows of an end within a
second."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from identity import create_app
from identity.domain.principal import operator
from support.accounts import HAWK, populate
from support.app import by_token, close, config, is_refused, principal, services, token_principal
from support.database import engine_of
from support.pgbouncer import PROGRAM, WHY_SKIPPED, pooled
from support.waiting import wait_until

pytestmark = [
    pytest.mark.parametrize("engine_name", ["postgresql"]),
    pytest.mark.skipif(PROGRAM is None and os.environ.get("CI") != "true", reason=WHY_SKIPPED),
]

Node = Callable[..., Flask]


@pytest.fixture(params=["session", "transaction"])
def mode(request: pytest.FixtureRequest) -> str:
    """The mode of the pooler."""
    return str(request.param)


@pytest.fixture
def node(empty_database_url: str, tmp_path: Path, mode: str) -> Iterator[Node]:
    """Make nodes whose connections pass through the pooler."""
    nodes: list[Flask] = []

    def make(**settings: str) -> Flask:
        nodes.append(create_app(config(tmp_path / "data", database_url=url, **settings)))
        return nodes[-1]

    with pooled(empty_database_url, tmp_path, mode) as url:
        yield make
        for each in nodes:
            close(each)


@pytest.fixture
def pair(node: Node) -> tuple[Flask, Flask]:
    """Two nodes over a migrated database with accounts."""
    first = node()
    services(first).schema.migrate()
    populate(first)
    return first, node()


def test_a_disabled_account_is_refused_by_every_node_within_a_second(
    pair: tuple[Flask, Flask],
) -> None:
    here, there = pair
    admin = services(here).administration
    for _ in range(20):
        token, _ = token_principal(here, *HAWK)
        wait_until(services(there).journal.is_current)
        assert by_token(there, token).account.id == 2
        admin.disable(operator(), 2)
        assert is_refused(here, token)
        begun = time.monotonic()
        wait_until(lambda token=token: is_refused(there, token))
        assert time.monotonic() - begun < 1
        admin.enable(operator(), 2)


def test_many_logins_work_whatever_connection_each_transaction_has(
    pair: tuple[Flask, Flask],
) -> None:
    for number in range(30):  # psycopg prepares a statement when it has run five times
        app = pair[number % 2]
        token, caller = token_principal(app, *HAWK)
        assert services(app).tokens.issue(by_token(app, token)).token
        services(app).tokens.revoke_current(caller)
    assert principal(pair[0], *HAWK).account.id == 2


def test_a_pooler_is_found_out(node: Node) -> None:
    app = node()
    assert services(app).schema.shares_connections()


def test_a_pooler_in_session_mode_may_be_named(node: Node, mode: str) -> None:
    app = node(database_pooler=mode)
    assert services(app).schema.shares_connections() == (mode == "transaction")


def test_time_limits_are_set_through_a_pooler(node: Node) -> None:
    with engine_of(node()).connect() as connection:
        assert connection.execute(text("SHOW statement_timeout")).scalar() == "5s"
