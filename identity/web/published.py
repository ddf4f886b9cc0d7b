"""Documents for anyone: kept by caches for a while, readable from any origin, and not sent twice to who has them."""

from __future__ import annotations

import hashlib
from typing import Final

from flask import Response, request

# Where a view notes in the environ which headers the guard sends in place of its own.
PUBLISHED: Final = "identity.published"


def published(body: bytes, kind: str, *, seconds: int) -> Response:
    """Return a public document, or 304 to a caller who has it already (RFC 9110 section 13.1.2).

    Args:
        body: the document.
        kind: its content type.
        seconds: for how long a cache may answer without asking again.
    """
    tag = hashlib.sha256(body).hexdigest()[:32]
    request.environ[PUBLISHED] = (
        ("Cache-Control", f"public, max-age={seconds}"),
        ("Access-Control-Allow-Origin", "*"),
        ("Cross-Origin-Resource-Policy", "cross-origin"),
    )
    known = request.if_none_match.contains_weak(tag)
    response = Response(status=304) if known else Response(body, content_type=kind)
    if known:
        del response.headers["Content-Type"]
    response.set_etag(tag)
    return response
