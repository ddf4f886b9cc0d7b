"""One application per module and database, for requests that are refused or only read."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from flask import Flask

from identity import create_app
from support.accounts import populate
from support.app import close, config
from support.clock import ManualClock
from support.live import Live, serving
from support.live_tls import serving_tls
from support.native_api import NativeApi
from support.postgresql import Database


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def api(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[NativeApi]:
    """The native API with the accounts of Certifire's document, and without lockout."""
    data_dir = tmp_path_factory.mktemp("api")
    with ExitStack() as stack:
        if request.param == "sqlite":
            shutil.copy(request.getfixturevalue("sqlite_template"), data_dir / "api.sqlite3")
            url = f"sqlite:///{data_dir / 'api.sqlite3'}"
        else:
            template = request.getfixturevalue("postgresql_template")
            database = Database(request.getfixturevalue("postgresql_server"), template)
            database.name += "_api"  # the other databases of this process are counted elsewhere
            url = stack.enter_context(database)
        clock = ManualClock()
        app = create_app(
            config(data_dir / "data", database_url=url, lockout_failures="1000"), clock=clock
        )
        stack.callback(close, app)
        populate(app)
        yield NativeApi(app, clock)


@pytest.fixture
def make_api(make_app: Callable[..., Flask], clock: ManualClock) -> Callable[..., NativeApi]:
    """Make native APIs on this test's own database; settings are given without their prefix, in lower
    case."""
    populated: list[Flask] = []

    def make(**settings: str) -> NativeApi:
        app = make_app(**settings)
        if not populated:
            populate(app)
        populated.append(app)
        return NativeApi(app, clock)

    return make


@pytest.fixture(scope="module", params=["http", "tls"])
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Live]:
    """A real service, by each of the two server libraries."""
    folder = tmp_path_factory.mktemp("chunks")
    if request.param == "http":
        with serving(folder, "--workers", "1") as live:
            yield live
    else:
        with serving_tls(folder) as tls:
            yield tls.live
