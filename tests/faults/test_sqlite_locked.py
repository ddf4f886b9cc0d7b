"""SQLite's one write lock is held by another process: writers wait a while, readers never do."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.live import Answer, Live, serving


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Live, Path]]:
    """A service and its database file."""
    data_dir = tmp_path_factory.mktemp("locked")
    with serving(data_dir) as live:
        yield live, data_dir / "identity.sqlite3"


@contextmanager
def write_lock(path: Path) -> Iterator[None]:
    """Hold the lock, as a backup or a careless shell would."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


def register(live: Live, name: str) -> Answer:
    return live.curl("/api/users", "-d", f"username={name}&password=newpwd")


def check_tokens_until(live: Live, token: str, fact: Callable[[], bool]) -> int:
    """Make token checks, which must all succeed, until something has happened; return how many."""
    checks = 0
    while not fact():
        assert live.curl("/api/resource", "-u", f"{token}:x").status == 200
        checks += 1
    return checks


def test_a_registration_waits_for_a_lock_of_three_seconds(running: tuple[Live, Path]) -> None:
    live, path = running
    token = live.curl("/api/token", "-u", "admin:changeme").json()["token"]
    with ThreadPoolExecutor(1) as caller:
        with write_lock(path):
            end = time.monotonic() + 3
            registration = caller.submit(register, live, "patient")
            assert check_tokens_until(live, token, lambda: time.monotonic() > end) > 0
            assert not registration.done()
        assert registration.result().status == 201
    assert live.curl("/api/token", "-u", "patient:newpwd").status == 200


def test_a_writer_is_put_off_when_the_lock_is_held_for_longer(running: tuple[Live, Path]) -> None:
    live, path = running
    token = live.curl("/api/token", "-u", "admin:changeme").json()["token"]
    writers: dict[str, Callable[[], Answer]] = {
        "registration": lambda: register(live, "unlucky"),
        "login": lambda: live.curl("/api/token", "-u", "admin:changeme"),
        "wrong password": lambda: live.curl("/api/token", "-u", "admin:loremipsum"),
        "log out": lambda: live.curl("/api/token", "-X", "DELETE", "-u", f"{token}:x"),
    }
    with write_lock(path), ThreadPoolExecutor(len(writers)) as callers:
        answers: dict[str, Future[Answer]] = {
            kind: callers.submit(call) for kind, call in writers.items()
        }
        assert (
            check_tokens_until(
                live, token, lambda: all(answer.done() for answer in answers.values())
            )
            > 0
        )
        assert live.curl("/readyz").status == 200
    for kind, answer in answers.items():
        assert (kind, answer.result().status) == (kind, 503)
        assert int(answer.result().header("Retry-After") or "0") > 0
    assert register(live, "unlucky").status == 201
    assert live.curl("/api/token", "-u", "admin:changeme").status == 200
    assert writers["log out"]().status == 204
    assert "Traceback" not in live.output()
