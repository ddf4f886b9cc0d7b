"""SQLite's write lock is held by another process, or its disk is full: calls wait or are deferred,
and nothing is lost.
"""

from __future__ import annotations

import os
import resource
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from faults.test_sqlite_locked import write_lock

from support.faults.experiment import THREADS, Experiment, run_experiment
from support.faults.processes import workers
from support.live import Live, serving
from support.waiting import wait_until

MORE = 16


@contextmanager
def experiment_in(data_dir: Path) -> Iterator[Experiment]:
    """Run a service on a database file in this directory."""
    url = f"sqlite:///{data_dir / 'identity.sqlite3'}"
    with serving(data_dir, *THREADS) as live, run_experiment([live], url) as made:
        yield made


def test_no_caller_is_put_off_by_a_lock_of_three_seconds(tmp_path: Path) -> None:
    with experiment_in(tmp_path) as experiment, experiment.load.running():
        with experiment.recorder.fault(), write_lock(tmp_path / "identity.sqlite3"):
            time.sleep(3)
        experiment.load.wait_for(MORE)
    assert {each.outcome for each in experiment.recorder.operations} <= {"ok", "fail"}


def test_calls_are_put_off_while_the_lock_is_held_and_go_on_afterwards(tmp_path: Path) -> None:
    with experiment_in(tmp_path) as experiment, experiment.load.running():
        with experiment.recorder.fault(), write_lock(tmp_path / "identity.sqlite3"):
            time.sleep(10)
        assert any(each.status == 503 for each in experiment.recorder.operations)
        experiment.load.wait_for(MORE)


@contextmanager
def small_disk(directory: Path) -> Iterator[Path]:
    """Mount a file system of sixteen megabytes; only root may."""
    directory.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(directory)], check=True)
    try:
        yield directory
    finally:
        subprocess.run(["umount", "--lazy", str(directory)], check=True)


@contextmanager
def filled(directory: Path) -> Iterator[None]:
    """Leave no room on a small disk."""
    ballast = directory / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (65536, 4096, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
    try:
        yield
    finally:
        ballast.unlink()


@contextmanager
def no_longer_files(live: Live, path: Path) -> Iterator[None]:
    """Let no process of the service make a file longer than the database's log (a limit needs no
    rights).
    """
    longest = max(
        path.with_name(name).stat().st_size
        for name in (path.name, f"{path.name}-wal", live.log.name)
    )
    processes = {
        pid: resource.prlimit(pid, resource.RLIMIT_FSIZE)
        for pid in (live.process.pid, *workers(live))
    }
    for pid, (_, hard) in processes.items():
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (longest, hard))
    try:
        yield
    finally:
        for pid, limits in processes.items():
            resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)


def until_put_off(experiment: Experiment) -> None:
    """Wait until the lack of room shows, and a little longer."""
    live = experiment.nodes[0]
    wait_until(lambda: any(each.status == 503 for each in experiment.recorder.operations))
    time.sleep(2)
    assert live.curl("/healthz").status == 200


@pytest.mark.skipif(
    os.geteuid() != 0, reason="only root mounts a disk; the limit on files says the same"
)
def test_nothing_acknowledged_is_lost_when_the_disk_is_full(tmp_path: Path) -> None:
    with (
        small_disk(tmp_path / "disk") as disk,
        experiment_in(disk) as experiment,
        experiment.load.running(),
    ):
        with experiment.recorder.fault(), filled(disk):
            until_put_off(experiment)
        experiment.load.wait_for(MORE)


def test_nothing_acknowledged_is_lost_when_files_cannot_grow(tmp_path: Path) -> None:
    with experiment_in(tmp_path) as experiment, experiment.load.running():
        with (
            experiment.recorder.fault(),
            no_longer_files(experiment.nodes[0], tmp_path / "identity.sqlite3"),
        ):
            until_put_off(experiment)
        experiment.load.wait_for(MORE)
