"""Two hundred clients send a byte now and then: other clients are not affected."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from support.accounts import ADMIN
from support.faults.experiment import run_experiment
from support.live import Live, serving

CLIENTS, CHECKS = 200, 40
# seconds; a check that has to wait for slow clients takes longer, as they are cut off after ten
PATIENCE = 8
HEAD = b"GET /api/resource HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
BODY = (
    b"POST /api/users HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
    b"application/json\r\nContent-Length: 900\r\n\r\n"
)


@contextmanager
def slow_clients(live: Live, begin: bytes) -> Iterator[list[socket.socket]]:
    """Keep connections that begin like this and then drip."""
    host, port = live.base.removeprefix("http://").split(":")
    connections = [socket.create_connection((host, int(port)), timeout=60) for _ in range(CLIENTS)]
    stop = threading.Event()

    def drip() -> None:
        while not stop.wait(0.5):
            for connection in connections:
                with suppress(OSError):  # the service may have had enough of it
                    connection.sendall(b" " if begin else b"")

    for connection in connections:
        connection.sendall(begin)
    dripping = threading.Thread(target=drip)
    dripping.start()
    try:
        yield connections
    finally:
        stop.set()
        dripping.join()
        for connection in connections:
            connection.close()


@pytest.mark.parametrize("begin", [b"", HEAD, BODY], ids=["silent", "slow heads", "slow bodies"])
def test_a_token_check_is_quick_beside_slow_clients(tmp_path: Path, begin: bytes) -> None:
    url = f"sqlite:///{tmp_path / 'identity.sqlite3'}"
    with serving(tmp_path) as live, run_experiment([live], url) as experiment:
        recorder = experiment.recorder
        login = recorder.call(
            live.base, "POST", "/api/token", kind="login", who=ADMIN[0], user=":".join(ADMIN)
        )
        user = recorder.secret(login.json()["token"]) + ":x"
        with slow_clients(live, begin):
            time.sleep(1)
            checks = [
                recorder.call(
                    live.base,
                    "GET",
                    "/api/resource",
                    kind="check",
                    who=ADMIN[0],
                    user=user,
                    timeout=PATIENCE,
                )
                for _ in range(CHECKS)
            ]
        assert {check.status for check in checks} == {200}


def test_bodies_that_never_end_are_cut_off_so_that_others_arrive(tmp_path: Path) -> None:
    body = ("-H", "Content-Type: application/json", "-d", '{"username":"hawk","password":"newpwd"}')
    with serving(tmp_path) as live, slow_clients(live, BODY) as connections:
        end = time.monotonic() + 60
        while (answer := live.curl("/api/users", *body)).status != 201:
            assert (answer.status, answer.header("Retry-After")) == (503, "1")
            assert time.monotonic() < end
            time.sleep(0.2)
        refusals = set()
        for connection in connections:
            connection.settimeout(1)
            with suppress(TimeoutError, ConnectionError):
                refusals.add(connection.recv(4096).decode()[9:12])
        assert refusals == {"408", "503"}
    assert "Traceback" not in live.output()


def test_bodies_beyond_what_may_arrive_at_once_are_put_off(tmp_path: Path) -> None:
    with serving(tmp_path) as live, slow_clients(live, BODY) as connections:
        answered = 0
        for connection in connections:
            connection.settimeout(0.05)
            with suppress(TimeoutError, ConnectionError):
                head = connection.recv(4096).decode()
                assert " 503 " in head.splitlines()[0]
                assert "retry-after: 1" in head.lower()
                answered += 1
        assert (
            answered >= CLIENTS - 16 - 4
        )  # eight in each worker go on, and a few have not been looked at yet
        with slow_clients(live, b""):
            pass
    assert "Traceback" not in live.output()
