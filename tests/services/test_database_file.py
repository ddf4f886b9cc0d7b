"""The SQLite file vanishes or is replaced under a running service: nothing acknowledged is lost
with it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from identity import create_app
from identity.domain.errors import Unauthenticated, Unavailable
from identity.domain.principal import operator
from identity.services.accounts.registration import NewAccount
from support.accounts import HAWK, populate
from support.app import by_token, close, config, services, token_principal
from support.clock import ManualClock
from support.database import execute, rows

TRUSTED_SECONDS = 0.3


@pytest.fixture
def file(tmp_path: Path, sqlite_template: Path) -> Path:
    path = tmp_path / "identity.sqlite3"
    shutil.copy(sqlite_template, path)
    path.chmod(0o600)
    return path


@pytest.fixture
def app(file: Path, tmp_path: Path, clock: ManualClock) -> Iterator[Flask]:
    app = create_app(config(tmp_path / "data", database_url=f"sqlite:///{file}"), clock=clock)
    populate(app)
    yield app
    close(app)


def register(app: Flask, name: str) -> None:
    services(app).accounts.create(operator(), NewAccount(name, "newpwd"), admin=False)


def test_nothing_is_acknowledged_while_the_file_is_gone(app: Flask, file: Path) -> None:
    token, _ = token_principal(app, *HAWK)
    away = file.rename(file.with_name("away"))
    time.sleep(TRUSTED_SECONDS)
    for _ in range(2):
        with pytest.raises(Unavailable):
            register(app, "kite")
        with pytest.raises(Unavailable):
            by_token(app, token)
        with pytest.raises(Unavailable):
            services(app).schema.require_current()
    assert not file.exists()
    away.rename(file)
    time.sleep(TRUSTED_SECONDS)
    register(app, "kite")
    assert by_token(app, token).account.username == "hawk"


def test_a_file_that_replaces_the_database_is_the_database(app: Flask, file: Path) -> None:
    old, _ = token_principal(app, *HAWK)
    execute(app, "PRAGMA wal_checkpoint(TRUNCATE)")
    copy = shutil.copy(file, file.with_name("copy"))
    token, _ = token_principal(app, *HAWK)
    by_token(app, token)
    for each in file.parent.glob("identity.sqlite3-[sw]*"):
        each.unlink()
    Path(copy).rename(file)
    time.sleep(TRUSTED_SECONDS)
    register(app, "kite")
    assert by_token(app, old).account.username == "hawk"
    with pytest.raises(Unauthenticated):  # its session came after the copy
        by_token(app, token)
    assert rows(app, "SELECT count(*) FROM account WHERE username = 'kite'") == [(1,)]
