"""Builds the OpenAPI 3.1 document from the routes.

`describes` attaches an operation to a view; `OpenApi.document` collects those of all routes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final, TypeVar

from flask import Flask
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from werkzeug.routing import Rule

from identity.web.requests.body import JSON_TYPE

PROBLEM_TYPE: Final = "application/problem+json"
SAME_FOLDER: Final = "."  # the server's URL relative to the document, as a proxy may move both
_REF: Final = "#/components/schemas/{model}"
_NOTE: Final = "identity_operation"
View = TypeVar("View", bound=Callable[..., Any])

_BODY_REFUSALS: Final = (400, 408, 411, 413, 415, 503)
_ACCESS_REFUSALS: Final = {
    "required": (401, 429, 503),
    "optional": (401, 429, 503),
    "forward_auth": (401, 403, 503),
    "relayed": (401, 403, 429, 503),
}
_SECURITY: Final[dict[str, list[dict[str, list[str]]]]] = {
    "required": [{"basic": []}, {"bearer": []}],
    "forward_auth": [{"basic": []}, {"bearer": []}],
    "relayed": [{"basic": []}, {"bearer": []}],
    "optional": [{}, {"basic": []}, {"bearer": []}],
}


@dataclass(frozen=True, slots=True)
class Reply:
    """One documented response: the model of its body or, if not JSON, its media type.

    An empty media type means no body.
    """

    status: int = 200
    model: type[BaseModel] | None = None
    media_type: str = JSON_TYPE
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Operation:
    """The description of a view."""

    name: str | Mapping[str, str]
    summary: str
    replies: tuple[Reply, ...]
    body: type[BaseModel] | None
    query: type[BaseModel] | None
    refusals: tuple[int, ...]


def describes(
    summary: str,
    *replies: Reply,
    body: type[BaseModel] | None = None,
    query: type[BaseModel] | None = None,
    refusals: Iterable[int] = (),
    name: str | Mapping[str, str] = "",
) -> Callable[[View], View]:
    """Attach an OpenAPI operation to a view.

    Args:
        summary: what the operation does, in a few words.
        replies: its successful responses, and errors with a body of their own.
        body: the model of its body; only JSON is described, although forms are accepted too.
        query: the model of its query string.
        refusals: error statuses other than those that follow from its access and its body.
        name: the operation id, from which generators name a method, or one id for each HTTP method
            or route; by default the name of the view. If several HTTP methods share one name, each
            but GET is appended to it.
    """

    def note(view: View) -> View:
        setattr(
            view,
            _NOTE,
            Operation(name or view.__name__, summary, replies, body, query, tuple(refusals)),
        )
        return view

    return note


@dataclass(frozen=True, slots=True)
class Tag:
    """A group of operations: those of one blueprint, or of several whose tags have the same name.

    Args:
        name: the tag in the document, from which generators name a module.
        description: what the operations are for.
        blueprint: the blueprint of the operations.
    """

    name: str
    description: str
    blueprint: str

    def described(self) -> dict[str, str]:
        """Return the tag as OpenAPI describes it."""
        return {"name": self.name, "description": self.description}


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
        response = _response(Reply(status, self.model, self.media_type, headers))
        if status == HTTPStatus.UNAUTHORIZED and self.unauthorized:
            other = _response(self.unauthorized)
            return other | {"content": other["content"] | response["content"]}
        return response


class OpenApi:
    """Builds the document of one application.

    Args:
        info: title, version, description.
        tags: the groups of operations, in order; those of other blueprints are left out.
        refusals: the error responses.
        prefix: the prefix of a dialect's paths, which is part of the server's URL instead.
    """

    def __init__(
        self, info: Mapping[str, str], tags: Iterable[Tag], *, refusals: Refusals, prefix: str = ""
    ) -> None:
        self._info = dict(info) | {"license": {"name": "MIT", "identifier": "MIT"}}
        self._tags = {tag.blueprint: tag for tag in tags}
        self._refusals = refusals
        self._prefix = prefix

    def document(self, app: Flask, *, server: str) -> dict[str, Any]:
        """Return the whole document for the described routes of `app`.

        Args:
            app: the application, with all its routes.
            server: the URL before every path; may be relative to the URL of the document.
        """
        paths: dict[str, dict[str, Any]] = {}
        models: set[type[BaseModel]] = {self._refusals.model}
        for rule, view, note in self._described(app):
            models |= {
                model for model in (note.body, *(reply.model for reply in note.replies)) if model
            }
            access = getattr(view, "identity_access", "public")
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                paths.setdefault(_path(rule).removeprefix(self._prefix), {})[method.lower()] = (
                    self._operation(rule, method, note, access)
                )
        return {
            "openapi": "3.1.0",
            "info": self._info,
            "servers": [{"url": server}],
            "tags": list({tag.name: tag.described() for tag in self._tags.values()}.values()),
            "paths": paths,
            "components": {"schemas": _schemas(models), "securitySchemes": _SCHEMES},
        }

    def _described(self, app: Flask) -> Iterable[tuple[Rule, Any, Operation]]:
        # In the order of the tags, and within a tag in the order of the code.
        for blueprint in self._tags:
            for rule in app.url_map.iter_rules():
                view = app.view_functions[rule.endpoint]
                note: Operation | None = getattr(view, _NOTE, None)
                if note is not None and rule.endpoint.partition(".")[0] == blueprint:
                    yield rule, view, note

    def _operation(self, rule: Rule, method: str, note: Operation, access: str) -> dict[str, Any]:
        operation: dict[str, Any] = {
            "summary": note.summary,
            "operationId": _operation_id(rule, method, note),
            "tags": [self._tags[rule.endpoint.partition(".")[0]].name],
            "responses": self._responses(method, note, access),
        }
        if parameters := [*_path_parameters(rule), *_query_parameters(note.query)]:
            operation["parameters"] = parameters
        if note.body:
            schema = {"schema": {"$ref": _REF.format(model=note.body.__name__)}}
            operation["requestBody"] = {"required": True, "content": {JSON_TYPE: schema}}
        if access in _SECURITY:
            operation["security"] = _SECURITY[access]
        return operation

    def _responses(self, method: str, note: Operation, access: str) -> dict[str, Any]:
        own = self._refusals
        refusals = {*note.refusals, *own.access.get(access, ()), *(own.body if note.body else ())}
        refusals.add(400)  # an invalid Host, Authorization header or query
        if method not in {"GET", "HEAD"}:
            refusals.add(403)
        responses = {str(status): own.response(status) for status in refusals}
        if access == "forward_auth":  # a lock is answered with 401, too
            responses["401"]["headers"]["Retry-After"] = {
                "required": False,
                "schema": {"type": "string"},
            }
        for reply in note.replies:
            # One status may have two bodies: a problem, and that of the document.
            status = str(reply.status)
            responses[status] = (
                _either(responses[status], reply) if status in responses else _response(reply)
            )
        return dict(sorted(responses.items()))


_TEXT: Final = {"type": "string"}
_SCHEMES: Final = {
    "basic": {
        "type": "http",
        "scheme": "basic",
        "description": "A username and its password, or any valid token as username or password.",
    },
    "bearer": {"type": "http", "scheme": "bearer", "description": "Any valid token."},
}


def dump_ordered(document: Mapping[str, Any]) -> bytes:
    """Return a document as JSON in its own order, which API browsers keep."""
    return f"{json.dumps(document, separators=(',', ':'))}\n".encode()


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(each.capitalize() for each in others)


def _operation_id(rule: Rule, method: str, note: Operation) -> str:
    if not isinstance(note.name, str):
        return _camel(note.name.get(method) or note.name[rule.rule])
    several = (rule.methods or set()) - {"HEAD", "OPTIONS", method}
    return _camel(note.name) + (method.capitalize() if several and method != "GET" else "")


def _response(reply: Reply) -> dict[str, Any]:
    response: dict[str, Any] = {"description": HTTPStatus(reply.status).phrase}
    if reply.model:
        response["content"] = {
            reply.media_type: {"schema": {"$ref": _REF.format(model=reply.model.__name__)}}
        }
    elif reply.media_type and reply.status != HTTPStatus.NO_CONTENT:
        kind = "object" if reply.media_type == JSON_TYPE else "string"
        response["content"] = {reply.media_type: {"schema": {"type": kind}}}
    if reply.headers:
        response["headers"] = {name: {"schema": {"type": "string"}} for name in reply.headers}
    return response


def _either(known: dict[str, Any], reply: Reply) -> dict[str, Any]:
    content = dict(known.get("content", {}))
    for kind, other in _response(reply).get("content", {}).items():
        one = content.get(kind, other)["schema"]
        several = [*one.get("anyOf", (one,)), other["schema"]]
        content[kind] = other if one == other["schema"] else {"schema": {"anyOf": several}}
    return known | ({"content": content} if content else {})


def _path(rule: Rule) -> str:
    return "".join(f"{{{text}}}" if dynamic else text for dynamic, text in _parts(rule))


def _parts(rule: Rule) -> Iterable[tuple[bool, str]]:
    for part in rule.rule.split("<"):
        name, bracket, rest = part.rpartition(">")
        if bracket:
            yield True, name.rpartition(":")[2]
        yield False, rest


def _path_parameters(rule: Rule) -> list[dict[str, Any]]:
    converters = rule._converters  # noqa: SLF001 - Werkzeug keeps a rule's converters nowhere else
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": getattr(converters[name], "openapi_schema", _TEXT),
        }
        for name in sorted(rule.arguments)
    ]


def _query_parameters(model: type[BaseModel] | None) -> list[dict[str, Any]]:
    if model is None:
        return []
    properties: Mapping[str, Any] = model.model_json_schema()["properties"]
    return [
        {"name": name, "in": "query", "schema": _without_null(schema)}
        for name, schema in properties.items()
    ]


def _without_null(schema: Mapping[str, Any]) -> dict[str, Any]:
    # A query string cannot contain null: an absent parameter is left out.
    types = [each for each in schema.get("anyOf", ()) if each != {"type": "null"}]
    plain = {
        name: value
        for name, value in schema.items()
        if name != "anyOf" and (name, value) != ("default", None)
    }
    return plain | types[0] if len(types) == 1 else dict(schema)


def _schemas(models: Iterable[type[BaseModel]]) -> dict[str, Any]:
    ordered = sorted(models, key=lambda model: model.__name__)
    _, schema = models_json_schema([(model, "validation") for model in ordered], ref_template=_REF)
    definitions: dict[str, Any] = schema["$defs"]
    for definition in definitions.values():
        for keywords in definition.get("properties", {}).values():
            # Generators take a property with a default for one that is always present.
            keywords.pop("default", None)
    return definitions
