"""What is published, built once."""

from __future__ import annotations

import pytest

from support.packaging.artefacts import Artefacts, build


@pytest.fixture(scope="session")
def artefacts(tmp_path_factory: pytest.TempPathFactory) -> Artefacts:
    """The sdist, and the wheel that was made from it."""
    return build(tmp_path_factory.mktemp("artefacts"))
