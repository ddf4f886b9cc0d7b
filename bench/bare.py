"""A measure: the least that can be said in WSGI, on the same server with the same options."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


def app(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Say yes to everybody, in the words of /api/verify."""
    start_response(
        "204 No Content",
        [("X-Identity-User", "hawk"), ("X-Identity-Id", "1"), ("X-Identity-Admin", "no")],
    )
    return ()


if __name__ == "__main__":
    from hello import serve

    serve("bare:app")
