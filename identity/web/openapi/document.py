"""Builds the OpenAPI 3.1 document from the routes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from flask import Flask
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from werkzeug.routing import Rule

from identity.web.openapi.operations import Operation, operation_of
from identity.web.openapi.parameters import path_of, path_parameters, query_parameters
from identity.web.openapi.responses import MODEL_REF, Refusals, described, either
from identity.web.requests.body import JSON_TYPE

SAME_FOLDER: Final = "."  # the server's URL relative to the document, as a proxy may move both
_SECURITY: Final[dict[str, list[dict[str, list[str]]]]] = {
    "required": [{"basic": []}, {"bearer": []}],
    "forward_auth": [{"basic": []}, {"bearer": []}],
    "relayed": [{"basic": []}, {"bearer": []}],
    "optional": [{}, {"basic": []}, {"bearer": []}],
}


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
                paths.setdefault(path_of(rule).removeprefix(self._prefix), {})[method.lower()] = (
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
                note = operation_of(view)
                if note is not None and rule.endpoint.partition(".")[0] == blueprint:
                    yield rule, view, note

    def _operation(self, rule: Rule, method: str, note: Operation, access: str) -> dict[str, Any]:
        operation: dict[str, Any] = {
            "summary": note.summary,
            "operationId": _operation_id(rule, method, note),
            "tags": [self._tags[rule.endpoint.partition(".")[0]].name],
            "responses": self._responses(method, note, access),
        }
        if parameters := [*path_parameters(rule), *query_parameters(note.query)]:
            operation["parameters"] = parameters
        if note.body:
            schema = {"schema": {"$ref": MODEL_REF.format(model=note.body.__name__)}}
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
                either(responses[status], reply) if status in responses else described(reply)
            )
        return dict(sorted(responses.items()))


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


def _schemas(models: Iterable[type[BaseModel]]) -> dict[str, Any]:
    ordered = sorted(models, key=lambda model: model.__name__)
    _, schema = models_json_schema(
        [(model, "validation") for model in ordered], ref_template=MODEL_REF
    )
    definitions: dict[str, Any] = schema["$defs"]
    for definition in definitions.values():
        for keywords in definition.get("properties", {}).values():
            # Generators take a property with a default for one that is always present.
            keywords.pop("default", None)
    return definitions
