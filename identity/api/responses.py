"""How the native dialect answers: compact JSON with sorted keys and a newline, as seed 004's server does."""

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
    """Return the URL of the root: `IDENTITY_PUBLIC_URL` where it is set, else the request's own."""
    return context().settings.public_url or own_base(request.environ)


def located(response: Response, path: str) -> Response:
    """Return the answer with the URL of what was made."""
    response.headers["Location"] = base_url() + path
    return response


def require_something(given: set[str]) -> None:
    """Refuse a change that changes nothing.

    Raises:
        InvalidInput: no field is given that could be changed.
    """
    if not given - {"current_password"}:
        raise InvalidInput.of("body", "name at least one field to change")
