"""`identity serve` stops without refusing a call: first it is not ready, then it takes no new
connections, then it ends."""

from __future__ import annotations

import base64
import http.client
import json
import os
import pty
import signal
import socket
import sqlite3
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from support.accounts import ADMIN
from support.live import COMMAND, environment, migrate
from support.postgresql import free_port
from support.waiting import wait_until

SERVERS = pytest.mark.parametrize("server", [(), ("--tls",)], ids=["granian", "gunicorn"])
BASIC = {"Authorization": "Basic " + base64.b64encode(":".join(ADMIN).encode()).decode()}
JSON = {"Content-Type": "application/json"}


class Node:
    """A service that a test ends."""

    def __init__(self, folder: Path, *arguments: str, **settings: str) -> None:
        own = {f"IDENTITY_{name.upper()}": value for name, value in settings.items()}
        self.data, self.port = folder / "data", free_port()
        self.variables = environment(self.data, own | {"PORT": str(self.port)})
        self.command = [COMMAND, "serve", "--workers", "2", *arguments]
        self.tls = "--tls" in arguments
        self.log = folder / "log"
        migrate(self.variables)

    @contextmanager
    def running(self, **how: Any) -> Iterator[subprocess.Popen[bytes]]:
        """Run it, and leave no process behind, whatever a test found."""
        with self.log.open("wb") as output:
            process = subprocess.Popen(
                self.command, env=self.variables, **({"stdout": output, "stderr": output} | how)
            )
        try:
            wait_until(self.ready)
            yield process
        finally:
            for pid in self.processes():
                os.kill(pid, signal.SIGKILL)
            process.wait(timeout=60)

    def processes(self) -> list[int]:
        """Return everything that was started with this node's settings and is alive."""
        mark, found = f"PORT={self.port}\0".encode(), []
        for each in Path("/proc").glob("[0-9]*"):
            try:
                if mark in (each / "environ").read_bytes() and "State:\tZ" not in (
                    each / "status"
                ).read_text("ascii"):
                    found.append(int(each.name))
            except OSError:
                continue
        return found

    def connect(self) -> http.client.HTTPConnection:
        """Return a new connection."""
        if not self.tls:
            return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        context = ssl.create_default_context(cafile=self.data / "tls/ca.pem")
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=60, context=context)

    def get(self, path: str) -> tuple[int, dict[str, Any]]:
        """Return status and body of an answer by a new connection."""
        connection = self.connect()
        try:
            connection.request("GET", path, headers=BASIC)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read() or b"{}")
        finally:
            connection.close()

    def ready(self) -> bool:
        """Tell whether it answers that it is."""
        try:
            return self.get("/readyz")[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def listens(self) -> bool:
        """Tell whether it takes connections."""
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
        except OSError:
            return False
        return True


@SERVERS
def test_a_node_says_that_it_is_not_ready_before_it_stops_to_listen(
    tmp_path: Path, server: tuple[str, ...]
) -> None:
    node = Node(tmp_path, *server, drain_seconds="3")
    with node.running() as process:
        blocker = sqlite3.connect(node.data / "identity.sqlite3", isolation_level=None)
        process.send_signal(signal.SIGTERM)
        told = time.monotonic()
        wait_until(lambda: not node.ready())
        for _ in range(8):  # each worker knows
            status, body = node.get("/readyz")
            assert (status, body["code"]) == (503, "draining")
        assert node.get("/api/resource")[0] == 200
        assert node.get("/healthz")[0] == 200
        assert time.monotonic() - told < 3
        wait_until(lambda: time.monotonic() > told + 1.5)
        blocker.execute("BEGIN IMMEDIATE")  # writers wait for it
        waiting = node.connect()
        waiting.request("POST", "/api/users", '{"username":"hawk","password":"newpwd"}', JSON)
        wait_until(lambda: not node.listens())
        assert time.monotonic() - told > 2.9
        blocker.execute("COMMIT")
        assert waiting.getresponse().status == 201
        waiting.close()
        assert process.wait(timeout=60) == 0
        wait_until(lambda: node.processes() == [])
    assert "Traceback" not in node.log.read_text("utf-8")


@SERVERS
@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_the_wait(
    tmp_path: Path, server: tuple[str, ...], second: signal.Signals
) -> None:
    node = Node(tmp_path, *server, drain_seconds="600")
    with node.running() as process:
        process.send_signal(signal.SIGTERM)
        wait_until(lambda: not node.ready())
        process.send_signal(second)
        assert process.wait(timeout=60) == 0
        wait_until(lambda: node.processes() == [])


@SERVERS
def test_closing_the_terminal_ends_the_service_with_all_its_processes(
    tmp_path: Path, server: tuple[str, ...]
) -> None:
    node = Node(tmp_path, *server, drain_seconds="600")
    terminal, inside = pty.openpty()
    with node.running(
        stdin=inside, stdout=inside, stderr=inside, preexec_fn=lambda: _take_over(inside)
    ) as process:
        os.close(inside)
        assert len(node.processes()) >= 3
        os.close(terminal)  # the kernel sends SIGHUP to the terminal's session
        process.wait(timeout=60)
        wait_until(lambda: node.processes() == [])
    assert not node.listens()


def _take_over(terminal: int) -> None:
    import fcntl  # noqa: PLC0415 - of the child alone
    import termios  # noqa: PLC0415 - of the child alone

    os.setsid()
    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)


@SERVERS
def test_a_service_that_was_told_to_ignore_hang_ups_goes_on(
    tmp_path: Path, server: tuple[str, ...]
) -> None:
    node = Node(tmp_path, *server)
    node.command = ["nohup", *node.command]
    with node.running(stdin=subprocess.DEVNULL, start_new_session=True) as process:
        os.killpg(process.pid, signal.SIGHUP)
        time.sleep(1)
        assert node.ready()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
