"""Two real nodes on one database of either kind, and a prober of accounts in both modes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.enumeration.probes import ENGINES, HARDENED, Prober, probing
from support.two_nodes import Pair, two_nodes


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def pair(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pair]:
    """Two nodes; their administrator is admin:changeme."""
    with two_nodes(request, tmp_path_factory) as running:
        yield running


@pytest.fixture(scope="module", params=ENGINES)
def faithful(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prober]:
    """A prober of a service with default settings."""
    with probing(request, tmp_path_factory) as prober:
        yield prober


@pytest.fixture(scope="module", params=ENGINES)
def hardened(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prober]:
    """A prober of a hardened service."""
    with probing(request, tmp_path_factory, **HARDENED) as prober:
        yield prober
