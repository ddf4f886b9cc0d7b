"""JSON responses, as every dialect sends them."""

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
    """Return one array of the items of all pieces, and send each piece as soon as it is ready.

    The first piece is read at once, so that its error gets a normal error response. If a later one
    fails, the array is left without its end, so that no client takes it for complete.
    """
    following = iter(pieces)
    return Response(_array(next(following, ()), following), content_type="application/json")


def _array(first: Sequence[Any], following: Iterator[Sequence[Any]]) -> Iterator[str]:
    yield "[" + _items(first)
    try:
        for piece in following:
            yield "," + _items(piece)
    except Exception as error:  # noqa: BLE001 - the status is sent; the server would log a traceback
        _log.error("response aborted while streaming: %s", type(error).__name__)
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
    """Return a body as `json_response` does, without Flask."""
    return raw_text(_ENCODER.encode(body) + "\n", *headers, status=status, kind=kind)


def raw_text(text: str, *headers: tuple[str, str], status: HTTPStatus, kind: str) -> RawResponse:
    """Return a text with its content type, without Flask."""
    encoded = text.encode()
    fields = [("Content-Type", kind), ("Content-Length", str(len(encoded))), *headers]
    return RawResponse(f"{status.value} {status.phrase.upper()}", fields, encoded)


def respond(handler: FastHandler) -> Response:
    """Return the response of a fast handler to the current request."""
    return flask_response(handler(current_principal(), context()))


def flask_response(raw: RawResponse) -> Response:
    """Return a raw response as one of Flask."""
    response = Response(raw.body or None, raw.status)
    response.headers.clear()
    response.headers.extend(raw.headers)
    request.environ[CACHEABLE] = raw.cacheable
    return response


def empty(status: int = 204) -> Response:
    """Return a response without a body."""
    response = Response(status=status)
    del response.headers["Content-Type"]
    return response


def timestamp(time: datetime, grain: str = "milliseconds") -> str:
    """Return a UTC time in ISO 8601 with Z, to the precision of `grain`."""
    return time.isoformat(timespec=grain).replace("+00:00", "Z")
