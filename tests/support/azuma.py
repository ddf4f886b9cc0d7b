"""What the tests of Azuma's dialect share."""

from __future__ import annotations

from typing import Any

JOHN = {"name": "John", "email": "john.doe@oneshot.cam", "password": "oneshot_secret"}
AZUMA = {"name": "azuma", "password": "neo"}


def require_error(answer: Any, status: int, message: str) -> None:
    assert (answer.status_code, answer.json) == (status, {"message": message})
    assert answer.content_type == "application/json"
