"""Processes are killed in the middle of registrations: what was acknowledged is there, and the
service goes on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from faults.test_slow_clients import BODY, slow_clients

from support.faults.experiment import THREADS, Experiment, run_experiment
from support.faults.processes import all_processes, at_work, ended, kill, start_again, workers
from support.live import Live, serving
from support.waiting import wait_until

MORE = 16


@pytest.fixture
def experiment(tmp_path: Path, empty_database_url: str) -> Iterator[Experiment]:
    """A service with two workers, on each database."""
    with (
        serving(tmp_path, *THREADS, database_url=empty_database_url) as live,
        run_experiment([live], empty_database_url) as made,
    ):
        yield made


def only(experiment: Experiment) -> Live:
    (live,) = experiment.nodes
    return live


def test_nothing_acknowledged_is_lost_when_workers_are_killed_one_after_the_other(
    experiment: Experiment,
) -> None:
    live = only(experiment)
    with experiment.load.running():
        for _ in range(3):
            victim = workers(live)[0]
            with experiment.recorder.fault():
                kill(victim)
                wait_until(lambda: len({*at_work(live)} - {victim}) == 2)  # noqa: B023 - at once
            experiment.load.wait_for(MORE // 2)
    assert live.process.poll() is None


def test_nothing_acknowledged_is_lost_when_all_workers_are_killed_at_once(
    experiment: Experiment,
) -> None:
    live = only(experiment)
    with experiment.load.running():
        victims = workers(live)
        with experiment.recorder.fault():
            kill(*victims)
            wait_until(lambda: len({*at_work(live)} - {*victims}) == 2)
        experiment.load.wait_for(MORE)


@pytest.mark.parametrize("whole", [True, False], ids=["all processes", "the parent alone"])
def test_nothing_acknowledged_is_lost_when_the_service_is_killed_and_started_again(
    experiment: Experiment, whole: bool
) -> None:
    live = only(experiment)
    with experiment.load.running():
        for _ in range(2):
            victims = workers(live)
            with experiment.recorder.fault():
                kill(*(all_processes(live) if whole else [live.process.pid]))
                wait_until(lambda: ended(*victims))  # noqa: B023 - at once
                start_again(live)
            experiment.load.wait_for(MORE)


def test_workers_whose_parent_was_killed_end_though_a_body_never_does(tmp_path: Path) -> None:
    with serving(tmp_path, *THREADS) as live:
        wait_until(lambda: len(at_work(live)) == 2)
        with slow_clients(live, BODY):
            victims = workers(live)
            kill(live.process.pid)
            wait_until(lambda: ended(*victims))
