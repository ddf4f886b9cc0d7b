"""Describes responses as OpenAPI does, and which errors each operation may return."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

from pydantic import BaseModel

from identity.web.openapi.operations import Reply
from identity.web.requests.body import JSON_TYPE

PROBLEM_TYPE: Final = "application/problem+json"
MODEL_REF: Final = "#/components/schemas/{model}"

_BODY_REFUSALS: Final = (400, 408, 411, 413, 415, 503)
_ACCESS_REFUSALS: Final = {
    "required": (401, 429, 503),
    "optional": (401, 429, 503),
    "forward_auth": (401, 403, 503),
    "relayed": (401, 403, 429, 503),
}


@dataclass(frozen=True, slots=True)
class Refusals:
    """The error responses of a dialect.

    Args:
        model: the body of an error.
        media_type: its media type.
        unauthorized: an alternative response for 401.
        access: the statuses of each kind of access.
        body: the statuses of operations that read a body.
    """

    model: type[BaseModel]
    media_type: str = PROBLEM_TYPE
    unauthorized: Reply | None = None
    access: Mapping[str, tuple[int, ...]] = field(default_factory=lambda: _ACCESS_REFUSALS)
    body: tuple[int, ...] = _BODY_REFUSALS

    def response(self, status: int) -> dict[str, Any]:
        """Return the error response of a status as OpenAPI describes it."""
        headers = ("Retry-After",) if status in {429, 503} else ()
        response = described(Reply(status, self.model, self.media_type, headers))
        if status == HTTPStatus.UNAUTHORIZED and self.unauthorized:
            other = described(self.unauthorized)
            return other | {"content": other["content"] | response["content"]}
        return response


def described(reply: Reply) -> dict[str, Any]:
    """Return a response as OpenAPI describes it."""
    response: dict[str, Any] = {"description": HTTPStatus(reply.status).phrase}
    if reply.model:
        response["content"] = {
            reply.media_type: {"schema": {"$ref": MODEL_REF.format(model=reply.model.__name__)}}
        }
    elif reply.media_type and reply.status != HTTPStatus.NO_CONTENT:
        kind = "object" if reply.media_type == JSON_TYPE else "string"
        response["content"] = {reply.media_type: {"schema": {"type": kind}}}
    if reply.headers:
        response["headers"] = {name: {"schema": {"type": "string"}} for name in reply.headers}
    return response


def either(known: dict[str, Any], reply: Reply) -> dict[str, Any]:
    """Return a described response of the same status that may also have the body of `reply`."""
    content = dict(known.get("content", {}))
    for kind, other in described(reply).get("content", {}).items():
        one = content.get(kind, other)["schema"]
        several = [*one.get("anyOf", (one,)), other["schema"]]
        content[kind] = other if one == other["schema"] else {"schema": {"anyOf": several}}
    return known | ({"content": content} if content else {})
