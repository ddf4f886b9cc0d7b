"""A PostgreSQL server of the tests' own, which may be stopped, frozen and cut off."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from support.postgresql import free_port

_numbers = itertools.count()


class Cluster:
    """A PostgreSQL server that a test may stop, start and freeze."""

    def __init__(self, binaries: Path, url: str) -> None:
        self.url = url
        self._as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        self._binaries = binaries
        with self._connect() as connection:
            self._data = Path(self._show(connection, "data_directory"))
            self._options = (
                "-c listen_addresses=127.0.0.1 -c fsync=off -c "
                f"port={self._show(connection, 'port')}"
            )

    def stop(self) -> None:
        """End it as a power cut would."""
        self._run("stop", "-m", "immediate")

    def start(self) -> None:
        """Start it again on the same port, unless it runs."""
        if not (self._data / "postmaster.pid").exists():
            options = f"{self._options} -c unix_socket_directories={self._data.parent}"
            self._run("start", "-w", "-o", options, "-l", str(self._data.parent / "again.log"))

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Stop all its processes with SIGSTOP: connections stay open, and nothing answers."""
        server = int((self._data / "postmaster.pid").read_text("ascii").split()[0])
        parent = int(Path(f"/proc/{server}/stat").read_text("ascii").rpartition(")")[2].split()[1])
        os.kill(server, signal.SIGSTOP)
        processes = [
            server,
            *map(int, Path(f"/proc/{server}/task/{server}/children").read_text("ascii").split()),
        ]
        try:
            for process in processes:
                os.kill(process, signal.SIGSTOP)
            yield
        finally:
            for process in reversed(processes):
                os.kill(process, signal.SIGCONT)
            if parent != 1:  # runuser stops together with what it runs
                os.kill(parent, signal.SIGCONT)

    @contextmanager
    def database(self) -> Iterator[str]:
        """Give the service's URL of an empty database."""
        name = f"fault_{next(_numbers)}"
        with self._connect() as connection:
            connection.execute(f"CREATE DATABASE {name}")
        yield f"{re.sub('^postgresql:', 'postgresql+psycopg:', self.url).rpartition('/')[0]}/{name}"
        with self._connect() as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")

    @contextmanager
    def standby(self) -> Iterator[str]:
        """Give the URL of a server that follows this one and is read-only."""
        port, home = free_port(), self._data.parent / "standby"
        self._as(
            "pg_basebackup", "-D", str(home), "-d", self.url, "-R", "--checkpoint=fast", "--no-sync"
        )
        options = (
            f"-c listen_addresses=127.0.0.1 -c fsync=off -c port={port} -c "
            f"unix_socket_directories={home.parent}"
        )
        options += " -c max_connections=300"  # no fewer than the other one has
        try:
            self._as(
                "pg_ctl",
                "-D",
                str(home),
                "start",
                "-w",
                "-o",
                options,
                "-l",
                str(home.parent / "standby.log"),
            )
            yield re.sub(r"^postgresql:(.*):\d+/", rf"postgresql+psycopg:\1:{port}/", self.url)
        finally:
            self._as("pg_ctl", "-D", str(home), "stop", "-m", "immediate")
            shutil.rmtree(home)

    def _as(self, program: str, *arguments: str) -> None:
        command = [*self._as_user, str(self._binaries / program), *arguments]
        subprocess.run(
            command, check=True, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def cut_connections(self) -> int:
        """Close every connection of the service from the server's side and return how many there
        were."""
        with self._connect() as connection:
            return connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname LIKE "
                "'fault_%'"
            ).rowcount

    def _connect(self) -> psycopg.Connection[tuple[str, ...]]:
        return psycopg.connect(self.url, autocommit=True)

    def _show(self, connection: psycopg.Connection[tuple[str, ...]], name: str) -> str:
        row = connection.execute(f"SHOW {name}").fetchone()
        assert row is not None
        return row[0]

    def _run(self, *arguments: str) -> None:
        self._as("pg_ctl", "-D", str(self._data), *arguments)
