"""Responses of the native dialect."""

from __future__ import annotations

from flask import Response, request
from pydantic import BaseModel

from identity.domain.errors import InvalidInput
from identity.web.context import context
from identity.web.requests.hosts import own_base
from identity.web.responses import json_response


def answer(shown: BaseModel, status: int = 200) -> Response:
    """Return a model as JSON."""
    return json_response(shown.model_dump(mode="json"), status)


def base_url() -> str:
    """Return the URL of the root: `IDENTITY_PUBLIC_URL`, or by default that of the request."""
    return context().edge.public_url or own_base(request.environ)


def located(response: Response, path: str) -> Response:
    """Set the URL of the new resource."""
    response.headers["Location"] = base_url() + path
    return response


def require_change(fields: set[str]) -> None:
    """Check that the fields of a body change something.

    Raises:
        InvalidInput: they do not.
    """
    if not fields - {"current_password"}:
        raise InvalidInput.of("body", "must contain at least one field to change")
