"""The commands of docs/operations.md for backup and restore, as they stand there."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient

from support.accounts import HAWK, populate
from support.app import close
from support.http import basic, token_of
from support.postgresql import sqlalchemy_url

PAGE = (Path(__file__).parents[2] / "docs" / "operations.md").read_text("utf-8")
SECTION = PAGE.partition("\n## Backup and restore\n")[2].partition("\n## ")[0]


def command(word: str) -> str:
    """Return the one code block of the section with a word in it."""
    (found,) = [
        block
        for block in re.findall(r"```(?:sh|sql)\n(.*?)```", SECTION, re.DOTALL)
        if word in block
    ]
    return str(found)


def run(text: str, **places: str) -> None:
    """Run a block of the page, with its places exchanged for ours."""
    for theirs, ours in places.items():
        text = text.replace(theirs, ours)
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    path = os.pathsep.join([*map(str, binaries[-1:]), os.environ["PATH"]])
    ran = subprocess.run(
        ["sh", "-ec", text], capture_output=True, text=True, check=False, env={"PATH": path}
    )
    assert ran.returncode == 0, ran.stderr


def back_up_sqlite(word: str, source: Path, copy: Path) -> None:
    theirs = {
        "/opt/identity/bin/python": sys.executable,
        "/var/lib/identity/identity.sqlite3": str(source),
    }
    run(command(word), **theirs | {"/backup/identity.sqlite3": str(copy)})


def register(client: FlaskClient, name: str) -> None:
    assert (
        client.post("/api/users", json={"username": name, "password": HAWK[1]}).status_code == 201
    )


def knows(client: FlaskClient, name: str) -> bool:
    return client.get("/api/resource", headers=basic(name, HAWK[1])).status_code == 200


@pytest.mark.parametrize("engine_name", ["sqlite"])
@pytest.mark.parametrize("word", ["VACUUM INTO", ".backup"])
def test_a_copy_of_sqlite_has_what_was_committed_and_serves(
    make_app: Callable[..., Flask], tmp_path: Path, word: str
) -> None:
    if word == ".backup" and not shutil.which("sqlite3"):
        pytest.skip("no sqlite3, which the other way does without")
    app = make_app()
    populate(app)
    client, copy = app.test_client(use_cookies=False), tmp_path / "copy.sqlite3"
    register(client, "before")
    back_up_sqlite(word, tmp_path / "identity.sqlite3", copy)
    register(client, "after")
    restored = tmp_path / "restored.sqlite3"
    shutil.copy(copy, restored)
    restored.chmod(0o600)
    again = make_app(database_url=f"sqlite:///{restored}").test_client(use_cookies=False)
    assert [knows(again, name) for name in ("hawk", "before", "after")] == [True, True, False]
    with sqlite3.connect(restored) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


@pytest.mark.parametrize("engine_name", ["postgresql"])
def test_a_dump_of_postgresql_has_what_was_committed_and_serves(
    make_app: Callable[..., Flask], database_url: str, postgresql_server: str, tmp_path: Path
) -> None:
    app = make_app()
    populate(app)
    client, dump = app.test_client(use_cookies=False), tmp_path / "identity.dump"
    register(client, "before")
    here, name = database_url.replace("+psycopg", ""), f"restored_{os.getpid()}"
    run(
        command("pg_dump"),
        **{"postgresql://identity@db.example.org/identity": here, "identity.dump": str(dump)},
    )
    register(client, "after")
    with psycopg.connect(postgresql_server, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
    try:
        (restore,) = re.findall(r"^pg_restore .*$", command("pg_restore"), re.MULTILINE)
        there = postgresql_server.rpartition("/")[0] + f"/{name}"
        theirs = "postgresql://identity@db.example.org/identity_restored"
        run(restore, **{theirs: there, "identity.dump": str(dump)})
        second = make_app(database_url=sqlalchemy_url(postgresql_server, name))
        again = second.test_client(use_cookies=False)
        assert [knows(again, each) for each in ("hawk", "before", "after")] == [True, True, False]
        close(second)
    finally:
        with psycopg.connect(postgresql_server, autocommit=True) as server:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.mark.parametrize("engine_name", ["sqlite"])
def test_what_is_to_do_after_a_restore_ends_every_session(
    make_app: Callable[..., Flask], tmp_path: Path
) -> None:
    app = make_app()
    populate(app)
    token = token_of(app.test_client(), *HAWK)
    with sqlite3.connect(tmp_path / "identity.sqlite3") as database:
        database.executescript(command("UPDATE account"))
    database.close()
    started = make_app().test_client(use_cookies=False)
    assert started.get("/api/resource", headers=basic(token)).status_code == 401
    assert knows(started, "hawk")
