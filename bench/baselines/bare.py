"""Baseline: a minimal WSGI application, on the same server with the same options."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


def app(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Accept every request, with a response like that of /api/verify."""
    start_response(
        "204 No Content",
        [("X-Identity-User", "hawk"), ("X-Identity-Id", "1"), ("X-Identity-Admin", "no")],
    )
    return ()


if __name__ == "__main__":
    from hello import serve

    serve("bare:app")
