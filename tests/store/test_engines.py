"""The options of every database connection, and the modes of the files."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, make_url, text

from identity import create_app
from identity.store.engines import (
    LOCK_WAIT_SECONDS,
    engine_options,
    for_single_reads,
    for_writing,
    prepare,
)
from support.accounts import populate
from support.app import close, config, services

PRAGMAS = {
    "journal_mode": "wal",
    "foreign_keys": 1,
    "synchronous": 2,
    "busy_timeout": LOCK_WAIT_SECONDS * 1000,
}
SETTINGS = {
    "statement_timeout": "5s",
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "10s",
    "TimeZone": "UTC",
}


@pytest.mark.parametrize("engine_name", ["sqlite"])
def test_every_connection_of_sqlite_has_its_switches_set(migrated: Engine) -> None:
    held = [migrated.connect() for _ in range(5)]
    for connection in held:
        found = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in PRAGMAS}
        assert found == PRAGMAS
        connection.close()


def test_first_connections_to_a_new_file_wait_for_each_other(tmp_path: Path) -> None:
    together = 6

    def connect(path: Path, barrier: threading.Barrier) -> str:
        url = make_url(f"sqlite:///{path}")
        engine = create_engine(url, **engine_options(url, pool_size=1))
        prepare(engine)
        barrier.wait(60)
        with engine.connect() as connection:
            found = str(connection.exec_driver_sql("PRAGMA journal_mode").scalar())
        engine.dispose()
        return found

    with ThreadPoolExecutor(together) as pool:
        for number in range(60):
            path, barrier = tmp_path / f"{number}.sqlite3", threading.Barrier(together)
            assert (
                list(pool.map(connect, [path] * together, [barrier] * together))
                == ["wal"] * together
            )


@pytest.mark.parametrize("engine_name", ["postgresql"])
def test_every_connection_of_postgresql_has_its_limits_set(migrated: Engine) -> None:
    held = [migrated.connect() for _ in range(5)]
    for connection in held:
        found = {
            name: connection.execute(text("SELECT current_setting(:name)"), {"name": name}).scalar()
            for name in SETTINGS
        }
        assert found == SETTINGS
        connection.close()


def test_pool_is_bounded_and_errors_hide_parameters(engine_name: str) -> None:
    url = {"sqlite": "sqlite:///x", "postgresql": "postgresql+psycopg://h/d"}[engine_name]
    options = engine_options(make_url(url), pool_size=7)
    assert (options["pool_size"], options["max_overflow"], options["pool_timeout"]) == (7, 0, 2)
    assert options["hide_parameters"]


@pytest.fixture
def _open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("_open_umask")
def test_files_of_the_embedded_database_are_closed_to_others(tmp_path: Path) -> None:
    place = tmp_path / "data"
    app = create_app(config(place))
    services(app).schema.migrate()
    populate(app)
    modes = {
        path.name: stat.S_IMODE(path.stat().st_mode) for path in place.rglob("*") if path.is_file()
    }
    close(app)
    names = [
        "identity.sqlite3",
        "identity.sqlite3-mark",
        "identity.sqlite3-shm",
        "identity.sqlite3-wal",
        "secret_keys",
    ]
    names += ["0001.pem"]
    assert modes == dict.fromkeys(names, 0o600)
    assert stat.S_IMODE(place.stat().st_mode) == 0o700


@pytest.mark.parametrize("engine_name", ["sqlite"])
def test_writers_take_turns_from_their_first_statement(migrated: Engine) -> None:
    writing, began, waited = for_writing(migrated), threading.Event(), []

    def second() -> None:
        began.set()
        with writing.begin() as connection:
            waited.append(connection.execute(text("SELECT count FROM counter")).scalar())

    with writing.begin() as connection:
        other = threading.Thread(target=second)
        other.start()
        assert began.wait(60)
        connection.execute(
            text("INSERT INTO counter VALUES ('k', 42, '2026-01-01 00:00:00.000000')")
        )
        assert waited == []
    other.join(60)
    assert waited == [42]


@pytest.mark.parametrize("engine_name", ["sqlite"])
def test_reader_sees_one_state_while_others_write(migrated: Engine) -> None:
    insert = text("INSERT INTO counter VALUES ('k', 1, '2026-01-01 00:00:00.000000')")
    count = text("SELECT count(*) FROM counter")
    with migrated.connect() as reader, for_single_reads(migrated).connect() as single:
        assert reader.execute(count).scalar() == 0
        with for_writing(migrated).begin() as writer:
            writer.execute(insert)
        assert reader.execute(count).scalar() == 0
        assert single.execute(count).scalar() == 1


def test_single_reads_leave_no_transaction_open(migrated: Engine) -> None:
    with for_single_reads(migrated).connect() as connection:
        connection.execute(text("SELECT 1"))
        raw = connection.connection.dbapi_connection
        assert raw is not None
        if migrated.dialect.name == "sqlite":
            assert not raw.in_transaction
        else:
            assert raw.info.transaction_status.name == "IDLE"
