"""Public documents: cacheable, readable from any origin, and with an ETag."""

from __future__ import annotations

import hashlib
from typing import Final

from flask import Response, request

# The environ key for headers that replace those of the middleware.
PUBLISHED: Final = "identity.published"


def published(body: bytes, kind: str, *, seconds: int) -> Response:
    """Return a public document, or 304 if the client already has it (RFC 9110 section 13.1.2).

    Args:
        body: the document.
        kind: its content type.
        seconds: how long a cache may serve it without revalidation.
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
