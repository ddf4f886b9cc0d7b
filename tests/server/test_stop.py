"""`identity serve` stops in order, by Ctrl-C or SIGTERM."""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.faults.processes import at_work
from support.live import COMMAND, Live, environment, migrate, serving, wait_until_ready
from support.postgresql import free_port
from support.waiting import wait_until


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Live]:
    """A service in a process group of its own, as a terminal gives it, with its own place for
    temporary files."""
    short = tempfile.mkdtemp(prefix="id-", dir="/tmp")  # sockets have short names
    (tmp_path / "tmp").symlink_to(short)
    monkeypatch.setenv("TMPDIR", short)
    variables = environment(tmp_path / "data", {})
    migrate(variables)
    port, log = free_port(), tmp_path / "service.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [COMMAND, "serve", "--port", str(port), "--workers", "2"],
            env=variables,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    live = Live(f"http://127.0.0.1:{port}", variables, log, process)
    try:
        wait_until_ready(live)
        yield live
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        shutil.rmtree(short)


def group(pgid: int) -> list[int]:
    """Return the living processes of a group."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, pgrp, *_ = stat.read_text("utf-8", "replace").rpartition(")")[2].split()
        except OSError:  # it ended while we looked
            continue
        if int(pgrp) == pgid and state != "Z":
            found.append(int(stat.parent.name))
    return found


@pytest.mark.parametrize(
    ("how", "send"),
    [(signal.SIGINT, os.killpg), (signal.SIGTERM, os.killpg), (signal.SIGTERM, os.kill)],
    ids=["Ctrl-C", "supervisor", "kill"],
)
def test_a_signal_ends_everything_in_order(
    started: Live, tmp_path: Path, how: signal.Signals, send: Callable[[int, int], None]
) -> None:
    pid = started.process.pid
    assert len(group(pid)) >= 3
    assert len(list((tmp_path / "tmp").glob("identity-metrics-*"))) == 1
    send(pid, how)
    assert started.process.wait(timeout=60) == 0
    wait_until(lambda: group(pid) == [])
    assert list((tmp_path / "tmp").iterdir()) == []
    assert started.output().endswith("\nStopped.\n")
    assert [
        word for word in ("Traceback", "Error", "ERROR", "error") if word in started.output()
    ] == []


def test_ctrl_c_while_the_workers_are_starting_ends_everything_without_a_word_too_many(
    started: Live,
) -> None:
    pid = started.process.pid
    for worker in set(group(pid)) - {pid}:
        os.kill(worker, signal.SIGKILL)
    time.sleep(0.3)  # the new ones import
    os.killpg(pid, signal.SIGINT)
    assert started.process.wait(timeout=60) == 0
    wait_until(lambda: group(pid) == [])
    assert "Traceback" not in started.output()


def test_workers_that_are_killed_again_and_again_come_back(started: Live) -> None:
    pid = started.process.pid
    for _ in range(3):
        for worker in set(group(pid)) - {pid}:
            os.kill(worker, signal.SIGKILL)
        wait_until_ready(started)
    assert started.process.poll() is None


def test_a_worker_that_cannot_start_says_why_and_waits_before_it_tries_again(
    started: Live, tmp_path: Path
) -> None:
    why = "worker failed to start; retrying in 5 s: "
    wait_until(lambda: len(at_work(started)) == 2)
    keys, first = tmp_path / "data/secret_keys", at_work(started)
    keys.chmod(0o644)
    os.kill(first[0], signal.SIGKILL)
    wait_until(lambda: why in started.output())
    time.sleep(2)
    assert started.output().count(why) == 1
    assert f"run `chmod 600 {keys}`" in started.output()
    assert "Traceback" not in started.output()
    assert at_work(started) == first[1:]
    assert started.curl("/readyz").status == 200
    keys.chmod(0o600)
    wait_until(lambda: len(at_work(started)) == 2)
    assert started.stop() == 0


def test_workers_end_when_the_service_is_killed_so_that_it_can_start_again(started: Live) -> None:
    pid = started.process.pid
    started.process.kill()
    started.process.wait()
    wait_until(lambda: group(pid) == [])
    assert not listens(started.base.removeprefix("http://"))


def test_a_request_that_is_being_answered_is_finished_first(tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "1") as live:
        blocker = sqlite3.connect(tmp_path / "identity.sqlite3", isolation_level=None)
        blocker.execute("BEGIN IMMEDIATE")  # writers wait for it
        address = live.base.removeprefix("http://")
        waiting = http.client.HTTPConnection(address, timeout=60)
        waiting.request(
            "POST",
            "/api/users",
            '{"username":"hawk","password":"newpwd"}',
            {"Content-Type": "application/json"},
        )
        assert (
            live.curl("/healthz").status == 200
        )  # the one worker took the other request before this one
        live.process.send_signal(signal.SIGTERM)
        wait_until(lambda: not listens(address))
        blocker.execute("COMMIT")
        assert waiting.getresponse().status == 201
        assert live.process.wait(timeout=60) == 0


def listens(address: str) -> bool:
    host, _, port = address.partition(":")
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except OSError:
        return False
    return True
