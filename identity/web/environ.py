"""The WSGI environ keys by which the layers pass values to each other."""

from __future__ import annotations

from typing import Final

CONTEXT: Final = "identity.context"
DIALECT: Final = "identity.dialect"
ROUTE: Final = "identity.route"
REQUEST_ID: Final = "identity.request_id"
UNAVAILABLE: Final = "identity.unavailable"  # the error that occurred on the fast path
REPEATED: Final = "identity.repeated"  # true if the same refusal was sent shortly before
CACHEABLE: Final = "identity.cacheable"  # true if the response sets its own Cache-Control
