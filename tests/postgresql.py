"""A PostgreSQL server for the tests: a given one, or Debian's binaries started in a directory of ours."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

GIVEN = "IDENTITY_TEST_POSTGRESQL"
WHY_SKIPPED = f"no PostgreSQL: set {GIVEN}=postgresql://user@host/database, or install Debian's postgresql"


@contextmanager
def server(directory: Path) -> Iterator[str | None]:
    """Give the address of a server whose databases we may make and drop, or None where there is none."""
    if given := os.environ.get(GIVEN):
        yield given
        return
    binaries = _binaries()
    if binaries is None:
        yield None
        return
    with _started(binaries, directory) as url:
        yield url


def _binaries() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found:
        return found[-1].parent
    path = shutil.which("initdb")
    return Path(path).parent if path else None


@contextmanager
def _started(binaries: Path, directory: Path) -> Iterator[str]:
    # initdb refuses to run as root; the package's own user is there wherever the package is.
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    home = Path(subprocess.check_output([*as_user, "mktemp", "-d", "/tmp/identity-pg-XXXXXX"], text=True).strip())
    port = free_port()
    run = [*as_user, str(binaries / "initdb"), "-D", str(home / "data"), "-U", "postgres", "-A", "trust", "--no-sync"]
    subprocess.run([*run, "-E", "UTF8", "--locale=C"], check=True, capture_output=True, cwd="/")
    options = f"-c port={port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={home} -c fsync=off"
    log = (directory / "postgresql.log").open("wb")
    command = [
        *as_user,
        str(binaries / "postgres"),
        "-D",
        str(home / "data"),
        *options.split(),
        "-c",
        "max_connections=300",
    ]
    process = subprocess.Popen(command, stdout=log, stderr=log, cwd="/")
    try:
        url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        _wait(url, process)
        yield url
    finally:
        subprocess.run(
            [*as_user, str(binaries / "pg_ctl"), "-D", str(home / "data"), "stop", "-m", "immediate"],
            check=False,
            capture_output=True,
            cwd="/",
        )
        process.wait(timeout=20)
        shutil.rmtree(home, ignore_errors=True)


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        if process.poll() is not None:
            raise RuntimeError("PostgreSQL ended while starting; see postgresql.log")
        try:
            psycopg.connect(url, connect_timeout=1).close()
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("PostgreSQL did not start within 10 seconds")


def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
