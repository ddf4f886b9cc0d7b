"""A test client that closes what it has read, as a server does."""

from __future__ import annotations

from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from identity.web.middleware.application import Application


class BufferedClient(FlaskClient):
    """Reads each response to its end and closes it, so that no file stays open."""

    def open(self, *args: Any, buffered: bool = True, **values: Any) -> TestResponse:
        """Make a request."""
        return super().open(*args, buffered=buffered, **values)


def install() -> None:
    """Have every application of the suite make such clients."""
    Application.test_client_class = BufferedClient
