"""Describes the path, the parameters and the query of a route as OpenAPI does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from pydantic import BaseModel
from werkzeug.routing import Rule

_TEXT: Final = {"type": "string"}


def path_of(rule: Rule) -> str:
    """Return the path of a rule, with its parameters in braces."""
    return "".join(f"{{{text}}}" if dynamic else text for dynamic, text in _parts(rule))


def _parts(rule: Rule) -> Iterable[tuple[bool, str]]:
    for part in rule.rule.split("<"):
        name, bracket, rest = part.rpartition(">")
        if bracket:
            yield True, name.rpartition(":")[2]
        yield False, rest


def path_parameters(rule: Rule) -> list[dict[str, Any]]:
    """Return the parameters in the path of a rule."""
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


def query_parameters(model: type[BaseModel] | None) -> list[dict[str, Any]]:
    """Return the parameters of a query string."""
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
