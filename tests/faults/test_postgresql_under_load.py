"""PostgreSQL is restarted, frozen, or cuts connections under load: nothing acknowledged is lost,
nothing done twice."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.faults.experiment import THREADS, Experiment, run_experiment
from support.faults.postgresql_cluster import Cluster
from support.live import serving
from support.waiting import wait_until

MORE = 16


@pytest.fixture
def experiment(cluster: Cluster, tmp_path: Path) -> Iterator[Experiment]:
    """A service on a server that may be broken."""
    with (
        cluster.database() as url,
        serving(tmp_path, *THREADS, database_url=url) as live,
        run_experiment([live], url) as made,
    ):
        try:
            yield made
        finally:
            cluster.start()


def wait_until_ready(experiment: Experiment) -> None:
    (live,) = experiment.nodes
    wait_until(lambda: live.curl("/readyz").status == 200)


def test_nothing_acknowledged_is_lost_when_the_server_is_restarted(
    cluster: Cluster, experiment: Experiment
) -> None:
    with experiment.load.running():
        for _ in range(2):
            with experiment.recorder.fault():
                cluster.stop()
                time.sleep(1)
                cluster.start()
                wait_until_ready(experiment)
            experiment.load.wait_for(MORE)


def test_nothing_acknowledged_is_lost_when_connections_are_cut(
    cluster: Cluster, experiment: Experiment
) -> None:
    with experiment.load.running():
        for _ in range(4):
            with experiment.recorder.fault():
                assert cluster.cut_connections() >= 1
                wait_until_ready(experiment)
            experiment.load.wait_for(MORE // 2)


def test_nothing_acknowledged_is_lost_when_the_server_stands_still(
    cluster: Cluster, experiment: Experiment
) -> None:
    with experiment.load.running():
        with experiment.recorder.fault():
            with cluster.frozen():
                time.sleep(8)
            wait_until_ready(experiment)
        experiment.load.wait_for(MORE)
