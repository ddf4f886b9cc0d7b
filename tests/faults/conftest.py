"""What the experiments share: a server that may be broken, and time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.faults.postgresql_cluster import Cluster
from support.postgresql import WHY_SKIPPED, _binaries, _started

_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give every experiment more time than other tests have: a machine may be busy."""
    for item in items:
        if _HERE in item.path.parents:
            item.add_marker(pytest.mark.timeout(600))


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A server for these experiments alone."""
    binaries = _binaries()
    if binaries is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(WHY_SKIPPED)
    with _started(binaries, tmp_path_factory.mktemp("cluster")) as url:
        yield Cluster(binaries, url)
