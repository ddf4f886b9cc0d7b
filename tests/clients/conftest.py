"""A running service, and the document that clients are generated from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.live import Live, serving


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with serving(tmp_path_factory.mktemp("service")) as live:
        yield live


@pytest.fixture
def document(service: Live, tmp_path: Path) -> Path:
    """The OpenAPI document as the service sends it, in a file."""
    answer = service.curl("/openapi.json")
    assert answer.status == 200
    (tmp_path / "openapi.json").write_text(answer.body, "utf-8")
    return tmp_path / "openapi.json"
