"""Reads the bytes of a body: completely, and at most 64 KiB."""

from __future__ import annotations

import re
from typing import Final

from flask import request

from identity.web.context import origin
from identity.web.problems import BodyTooLarge, BodyTooSlow, LengthRequired, MalformedBody
from identity.web.requests.body_reads import body_reads

MAX_BODY_BYTES: Final = 64 * 1024
_CUT_SHORT: Final = "The body ended before its Content-Length."
_BROKEN: Final = "The body could not be received."


def has_body() -> bool:
    """Return whether the request has a body, even an empty chunked one (RFC 9112 section 6.3)."""
    return "Transfer-Encoding" in request.headers or request.environ.get(
        "CONTENT_LENGTH", ""
    ) not in {"", "0"}


def read_bytes(*, chunks: bool) -> bytes:
    """Return the whole body.

    Args:
        chunks: whether it may be chunked. Some servers do not report a truncated chunked body, so
            only formats whose own syntax shows the end may be.

    Raises:
        LengthRequired: no valid length, or chunked where that is not allowed; nothing was read.
        BodyTooLarge: above 64 KiB.
        SlowBodies: too many other bodies are still arriving.
        BodyTooSlow: it did not arrive in time.
        MalformedBody: incomplete, or with invalid framing.
    """
    if "Transfer-Encoding" in request.headers:
        return _read_chunked(allowed=chunks)
    length = request.environ.get("CONTENT_LENGTH", "")
    if not re.fullmatch(r"[0-9]{1,18}", length, re.ASCII):
        raise LengthRequired("Send the body with a Content-Length.")
    size = int(length)
    _require_allowed_size(size)
    raw = _receive(size)
    if len(raw) < size:
        raise MalformedBody(_CUT_SHORT)
    return raw


def _read_chunked(*, allowed: bool) -> bytes:
    environ = request.environ
    # A request with both headers may be smuggled (RFC 9112 section 6.3), and servers do not decode
    # other codings.
    plain = environ.get("HTTP_TRANSFER_ENCODING", "").lower() == "chunked" and not environ.get(
        "CONTENT_LENGTH"
    )
    if not (allowed and plain and environ.get("wsgi.input_terminated")):
        raise LengthRequired("Send the body with a Content-Length.")
    raw = _receive(MAX_BODY_BYTES + 1, whole=False)
    _require_allowed_size(len(raw))
    return raw


def _require_allowed_size(size: int) -> None:
    if size > MAX_BODY_BYTES:
        raise BodyTooLarge(f"Send a body of at most {MAX_BODY_BYTES} bytes.")


def _receive(most: int, *, whole: bool = True) -> bytes:
    with body_reads().reading(request.environ, origin().ip) as read:
        try:
            raw = bytes(request.environ["wsgi.input"].read(most))
        except Exception:  # noqa: BLE001 - each server raises its own errors for a broken connection
            raw = None
    if read.cut and (raw is None or not whole or len(raw) < most):
        raise BodyTooSlow("The body took too long to arrive.")
    if raw is None:
        raise MalformedBody(_BROKEN)
    return raw
