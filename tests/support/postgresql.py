"""A PostgreSQL server for the tests: a given one, or Debian's binaries started in a directory of
ours."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import psycopg

from support.memory import memory

GIVEN = "IDENTITY_TEST_POSTGRESQL"
WHY_SKIPPED = (
    f"no PostgreSQL: set {GIVEN}=postgresql://user@host/database, or install Debian's postgresql"
)
# No test survives a crash of the server that `server` gives, and no table of it lives long enough
# to need a vacuum.
_FAST = {
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "autovacuum": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}


@contextmanager
def server(directory: Path) -> Iterator[str | None]:
    """Give the URL of a server whose databases we may make and drop, or None where there is
    none."""
    if given := os.environ.get(GIVEN):
        yield given
        return
    binaries = _binaries()
    if binaries is None:
        yield None
        return
    with _started(binaries, directory, **_FAST) as url:
        yield url


def _binaries() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found:
        return found[-1].parent
    path = shutil.which("initdb")
    return Path(path).parent if path else None


@contextmanager
def _started(binaries: Path, directory: Path, **settings: str) -> Iterator[str]:
    # initdb refuses to run as root; the package's own user is there wherever the package is.
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    template = (memory() or Path("/tmp")) / "identity-pg-XXXXXX"
    made = subprocess.check_output([*as_user, "mktemp", "-d", str(template)], text=True)
    home = Path(made.strip())
    port = free_port()
    run = [
        *as_user,
        str(binaries / "initdb"),
        "-D",
        str(home / "data"),
        "-U",
        "postgres",
        "-A",
        "trust",
        "--no-sync",
    ]
    subprocess.run([*run, "-E", "UTF8", "--locale=C"], check=True, capture_output=True, cwd="/")
    log = (directory / "postgresql.log").open("wb")
    settings |= {
        "fsync": "off",
        "port": str(port),
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": str(home),
        "max_connections": "300",
    }
    command = [*as_user, str(binaries / "postgres"), "-D", str(home / "data")]
    command += [f"--{name}={value}" for name, value in settings.items()]
    with log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd="/")
    try:
        url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        _wait(url, process)
        yield url
    finally:
        subprocess.run(
            [
                *as_user,
                str(binaries / "pg_ctl"),
                "-D",
                str(home / "data"),
                "stop",
                "-m",
                "immediate",
            ],
            check=False,
            capture_output=True,
            cwd="/",
        )
        process.wait(timeout=60)
        shutil.rmtree(home, ignore_errors=True)


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError("PostgreSQL ended while starting; see postgresql.log")
        try:
            psycopg.connect(url, connect_timeout=1).close()
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("PostgreSQL did not start within 60 seconds")


def free_port() -> int:
    """Return a port connection refused on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Database:
    """A database of one test's own. A copy of a template is emptied behind a test and serves the
    next one."""

    _spare: ClassVar[defaultdict[str, list[str]]] = defaultdict(list)
    _forms: ClassVar[dict[str, object]] = {}

    def __init__(self, server_url: str, template: str) -> None:
        self.server_url, self.template = server_url, template
        self.name = ""

    def __enter__(self) -> str:
        spare = self._spare[self.template]
        if spare:
            self.name = spare.pop()
            return self._url()
        self.name = f"identity_{os.getpid()}_{secrets.token_hex(6)}"
        with psycopg.connect(self.server_url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {self.name} TEMPLATE {self.template}")
        if self.template != "template0":
            with psycopg.connect(self._own()) as own:
                self._forms.setdefault(self.template, _form(own))
        return self._url()

    def __exit__(self, *_: object) -> None:
        if self._emptied():
            self._spare[self.template].append(self.name)
            return
        with psycopg.connect(self.server_url, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {self.name} WITH (FORCE)")

    def _own(self) -> str:
        return self.server_url.rpartition("/")[0] + f"/{self.name}"

    def _url(self) -> str:
        return self._own().replace("postgresql://", "postgresql+psycopg://")

    def _emptied(self) -> bool:
        if self.template not in self._forms:
            return False
        try:
            with psycopg.connect(self._own()) as own:
                own.execute(_ALONE)
                own.execute("SET lock_timeout = '2s'")
                if _form(own) != self._forms[self.template]:
                    return False
                own.execute(f"TRUNCATE {', '.join(_tables(own))} RESTART IDENTITY CASCADE")
        except psycopg.Error:  # it is in use, or already gone
            return False
        return True


_ALONE = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
# What a test may have changed beside rows: columns, indexes, constraints, triggers, settings, the
# migrated version.
_FORM = """
SELECT (SELECT string_agg(format('%s %s %s %s', attrelid::regclass, attname, atttypid, attnotnull), ',' ORDER BY
               attrelid::regclass::text, attname)
        FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid WHERE relnamespace = 'public'::regnamespace),
       (SELECT string_agg(conname, ',' ORDER BY conname) FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace),
       (SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal),
       (SELECT count(*) FROM pg_db_role_setting JOIN pg_database d ON d.oid = setdatabase
        WHERE d.datname = current_database()),
       (SELECT string_agg(version_num, ',') FROM identity_alembic_version)
"""


def _form(connection: psycopg.Connection) -> object:
    return connection.execute(_FORM).fetchone()


def _tables(connection: psycopg.Connection) -> list[str]:
    rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    return [name for (name,) in rows if name != "identity_alembic_version"]


def sqlalchemy_url(server_url: str, database: str) -> str:
    """Return the service's URL of a database on the test server."""
    return (
        server_url.rpartition("/")[0].replace("postgresql://", "postgresql+psycopg://")
        + f"/{database}"
    )
