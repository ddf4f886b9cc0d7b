"""A caller of a hardened service whose calls are timed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.enumeration.probes import ENGINES, HARDENED, Prober, probing


@pytest.fixture(scope="module", params=ENGINES)
def hardened(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prober]:
    """A caller of a hardened service."""
    with probing(request, tmp_path_factory, **HARDENED) as prober:
        yield prober
