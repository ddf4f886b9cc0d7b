"""Two real nodes on one database of either kind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from catalogue.nodes import Pair, two_nodes


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Two nodes; their administrator is admin:changeme."""
    with two_nodes(request, tmp_path_factory) as running:
        yield running
