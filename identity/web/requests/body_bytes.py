"""The bytes of a body: as many as its framing promises, no more than are ever needed, and all of them or none."""

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
    """Tell whether the request comes with a body, if only of no bytes in chunks (RFC 9112 section 6.3)."""
    return "Transfer-Encoding" in request.headers or request.environ.get(
        "CONTENT_LENGTH", ""
    ) not in {"", "0"}


def read_bytes(*, chunks: bool) -> bytes:
    """Return the whole body.

    Args:
        chunks: whether it may come in chunks. A server library may not tell that chunks ended too early, so only what
            shows its own end may.

    Raises:
        LengthRequired: no honest length, or chunks where they may not be; nothing was read.
        BodyTooLarge: it is above 64 KiB.
        SlowBodies: too many others are still arriving.
        BodyTooSlow: it did not arrive in time.
        MalformedBody: it did not arrive as its framing promised.
    """
    if "Transfer-Encoding" in request.headers:
        return _in_chunks(allowed=chunks)
    length = request.environ.get("CONTENT_LENGTH", "")
    if not re.fullmatch(r"[0-9]{1,18}", length, re.ASCII):
        raise LengthRequired("Send the body with a Content-Length.")
    size = int(length)
    _require_bearable(size)
    raw = _receive(size)
    if len(raw) < size:
        raise MalformedBody(_CUT_SHORT)
    return raw


def _in_chunks(*, allowed: bool) -> bytes:
    environ = request.environ
    # Both at once is how requests are smuggled (RFC 9112 section 6.3); who decodes another coding is not known.
    plain = environ.get("HTTP_TRANSFER_ENCODING", "").lower() == "chunked" and not environ.get(
        "CONTENT_LENGTH"
    )
    if not (allowed and plain and environ.get("wsgi.input_terminated")):
        raise LengthRequired("Send the body with a Content-Length.")
    raw = _receive(MAX_BODY_BYTES + 1, whole=False)
    _require_bearable(len(raw))
    return raw


def _require_bearable(size: int) -> None:
    if size > MAX_BODY_BYTES:
        raise BodyTooLarge(f"Send a body of at most {MAX_BODY_BYTES} bytes.")


def _receive(most: int, *, whole: bool = True) -> bytes:
    with body_reads().awaiting(request.environ, origin().ip) as arrival:
        try:
            raw = bytes(request.environ["wsgi.input"].read(most))
        except Exception:  # noqa: BLE001 - a broken connection or framing, which each server library calls differently
            raw = None
    if arrival.cut and (raw is None or not whole or len(raw) < most):
        raise BodyTooSlow("The body took too long to arrive.")
    if raw is None:
        raise MalformedBody(_BROKEN)
    return raw
