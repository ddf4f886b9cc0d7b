"""What the tests share: both databases, an application on either, a clock, a live service."""

from __future__ import annotations

import gc
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import settings

pytest.register_assert_rewrite("support")

from identity import create_app
from identity.services.sessions import usage
from support import buffered_client, compiled
from support.accounts import populate
from support.app import close, config
from support.clock import ManualClock
from support.live import Live, serving
from support.memory import memory
from support.postgresql import WHY_SKIPPED, Database, server, sqlalchemy_url

if root := memory():
    os.environ.setdefault(
        "PYTEST_DEBUG_TEMPROOT", str(root)
    )  # pytest's name for where `tmp_path` is

# A shell that runs the suite in the background has programs ignore these signals, which some tests
# send.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

usage.IN_BACKGROUND = False
buffered_client.install()
compiled.install()

# Examples are judged by what they show, not by the time they take on a busy machine.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def pytest_collection_finish() -> None:
    """Take what was imported and collected, which lives to the end, out of the collector's sight."""
    gc.freeze()


@pytest.fixture(scope="session")
def postgresql_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a PostgreSQL server, or the reason why there is none."""
    with server(tmp_path_factory.mktemp("postgresql")) as url:
        if url is None:
            if os.environ.get("CI") == "true":
                pytest.fail(WHY_SKIPPED)
            pytest.skip(WHY_SKIPPED)
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def engine_name(request: pytest.FixtureRequest) -> str:
    """Every test that touches data runs once on each database."""
    name: str = request.param
    return name


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy."""
    path = tmp_path_factory.mktemp("template") / "identity.sqlite3"
    _migrate(f"sqlite:///{path}", path.parent)
    return path


@pytest.fixture(scope="session")
def postgresql_template(postgresql_server: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a migrated PostgreSQL database to copy."""
    name = f"identity_template_{os.getpid()}"
    with psycopg.connect(postgresql_server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    _migrate(sqlalchemy_url(postgresql_server, name), tmp_path_factory.mktemp("template"))
    return name


def _migrate(url: str, data_dir: Path) -> None:
    app = create_app(config(data_dir, database_url=url))
    app.extensions["identity"].services.schema.migrate()
    close(app)


@pytest.fixture
def empty_database_url(
    engine_name: str, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[str]:
    """A database without tables."""
    if engine_name == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.sqlite3'}"
        return
    with Database(request.getfixturevalue("postgresql_server"), "template0") as url:
        yield url


@pytest.fixture
def database_url(engine_name: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A migrated database of this test's own."""
    if engine_name == "sqlite":
        path = tmp_path / "identity.sqlite3"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite:///{path}"
        return
    template = request.getfixturevalue("postgresql_template")
    with Database(request.getfixturevalue("postgresql_server"), template) as url:
        yield url


@pytest.fixture
def clock() -> ManualClock:
    """The time of the application under test."""
    return ManualClock()


@pytest.fixture
def make_app(
    database_url: str, tmp_path: Path, clock: ManualClock
) -> Iterator[Callable[..., Flask]]:
    """Make applications on this test's database; settings are given without their prefix, in lower
    case."""
    made: list[Flask] = []

    def make(**settings: str) -> Flask:
        data_dir = Path(settings.pop("data_dir", tmp_path / "data"))
        app = create_app(
            config(data_dir, **({"database_url": database_url} | settings)), clock=clock
        )
        made.append(app)
        return app

    yield make
    for app in made:
        close(app)


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    """An application with the accounts of Certifire's document: admin:changeme and hawk:newpwd."""
    app = make_app()
    populate(app)
    return app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A client that keeps no cookies."""
    return app.test_client(use_cookies=False)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def live(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Live]:
    """A real service with two workers, on each database; its administrator is admin:changeme."""
    data_dir = tmp_path_factory.mktemp("live")
    if request.param == "sqlite":
        with serving(data_dir) as running:
            yield running
        return
    server_url = request.getfixturevalue("postgresql_server")
    with Database(server_url, "template0") as url, serving(data_dir, database_url=url) as running:
        yield running
