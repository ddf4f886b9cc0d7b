"""JSON as every dialect sends it."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final

from flask import Response, request

from identity.web.context import context
from identity.web.dialect import FastHandler, RawResponse
from identity.web.environ import CACHEABLE
from identity.web.verifier import current_principal

_log = logging.getLogger(__name__)
_ENCODER: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"))


def json_response(
    body: Mapping[str, Any] | Sequence[Any], status: int = 200, *, kind: str = "application/json"
) -> Response:
    """Return a body as compact JSON with sorted keys and a newline."""
    return Response(_ENCODER.encode(body) + "\n", status, content_type=kind)


def json_array(pieces: Iterable[Sequence[Any]]) -> Response:
    """Return one array of all items of the pieces, each sent as soon as it is made.

    The first piece is made at once, so its refusal is one like any other. A later one that fails leaves the array
    without its end: no reader of JSON takes it for the whole.
    """
    following = iter(pieces)
    return Response(_array(next(following, ()), following), content_type="application/json")


def _array(first: Sequence[Any], following: Iterator[Sequence[Any]]) -> Iterator[str]:
    yield "[" + _items(first)
    try:
        for piece in following:
            yield "," + _items(piece)
    except Exception as error:  # noqa: BLE001 - the status is sent; the server library would write a traceback
        _log.error("an answer ended in its middle: %s", type(error).__name__)
        return
    yield "]\n"


def _items(piece: Sequence[Any]) -> str:
    return _ENCODER.encode(piece)[1:-1]


def raw_json(
    body: Mapping[str, Any],
    *headers: tuple[str, str],
    status: HTTPStatus = HTTPStatus.OK,
    kind: str = "application/json",
) -> RawResponse:
    """Return the same without Flask."""
    return raw_text(_ENCODER.encode(body) + "\n", *headers, status=status, kind=kind)


def raw_text(text: str, *headers: tuple[str, str], status: HTTPStatus, kind: str) -> RawResponse:
    """Return a text of a content type, without Flask."""
    encoded = text.encode()
    kept = [("Content-Type", kind), ("Content-Length", str(len(encoded))), *headers]
    return RawResponse(f"{status.value} {status.phrase.upper()}", kept, encoded)


def respond(quick: FastHandler) -> Response:
    """Return what a quick call says to the caller of the current request."""
    return flask_response(quick(current_principal(), context()))


def flask_response(plain: RawResponse) -> Response:
    """Return the same answer for Flask."""
    response = Response(plain.body or None, plain.status)
    response.headers.clear()
    response.headers.extend(plain.headers)
    request.environ[CACHEABLE] = plain.cacheable
    return response


def empty(status: int = 204) -> Response:
    """Return no body at all."""
    response = Response(status=status)
    del response.headers["Content-Type"]
    return response


def timestamp(moment: datetime, grain: str = "milliseconds") -> str:
    """Return a time of UTC in ISO 8601, with Z and digits down to `grain`."""
    return moment.isoformat(timespec=grain).replace("+00:00", "Z")
