"""Calls a service and compares every answer with an OpenAPI document."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from flask import Flask
from jsonschema import Draft202012Validator
from werkzeug.test import TestResponse

from support.accounts import HAWK
from support.http import basic

NO_ID = "0" * 32
Document = dict[str, Any]


def operations(document: Document) -> Iterator[tuple[str, str, Document]]:
    """Return every described method, path and operation."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield method.upper(), path, operation


@dataclass
class DocumentedClient:
    """Calls the service and compares every answer with the document."""

    app: Flask
    document: Document
    prefix: str = ""
    seen: set[tuple[str, str, str]] = field(default_factory=set)

    def __call__(
        self, method: str, path: str, headers: dict[str, str] | None = None, **request: Any
    ) -> TestResponse:
        """Make one call to a described path; what stands in braces is taken from `ids`."""
        ids = request.pop("ids", {})
        url = self.prefix + path.format(**ids)
        answer = self.app.test_client().open(url, method=method, headers=headers or {}, **request)
        self.check(method, path, answer)
        return answer

    def check(self, method: str, path: str, answer: TestResponse) -> None:
        """Compare an answer's status, type, headers and body with the operation's description."""
        told = f"{method} {path}: {answer.status_code} {answer.data[:200]!r}"
        described = self.document["paths"][path][method.lower()]["responses"].get(
            str(answer.status_code)
        )
        assert described is not None, f"not documented: {told}"
        self.seen.add((method, path, str(answer.status_code)))
        promised = {
            name
            for name, header in described.get("headers", {}).items()
            if header.get("required", True)
        }
        assert promised - {name for name, _ in answer.headers} == set(), told
        if "content" not in described:
            assert (answer.data, "Content-Type" in answer.headers) == (b"", False), told
            return
        assert answer.mimetype in described["content"], told
        body = (
            answer.json if answer.is_json else answer.data.decode("latin-1")
        )  # a revocation list is binary
        self.validator(described["content"][answer.mimetype]["schema"]).validate(body)

    def validator(self, schema: Document) -> Draft202012Validator:
        """Return a validator that takes a field for an error when no schema names it."""
        strict = {
            name: known | _closed(known)
            for name, known in self.document["components"]["schemas"].items()
        }
        return Draft202012Validator(schema | {"components": {"schemas": strict}})


def _closed(schema: Document) -> Document:
    return {"additionalProperties": False} if schema.get("type") == "object" else {}


# What may be wrong with any call, whatever it is for.
WRONG: dict[str, Callable[[dict[str, str]], dict[str, Any]]] = {
    "anonymous": lambda _: {"headers": {}},
    "wrong password": lambda _: {"headers": basic("hawk", "loremipsum")},
    "unreadable credential": lambda _: {"headers": {"Authorization": "Basic"}},
    "two credentials": lambda good: {
        "headers": {"Authorization": f"{good['Authorization']}, Basic eDp5"}
    },
    "no administrator": lambda _: {"headers": basic(*HAWK)},
    "page of another site": lambda good: {"headers": good | {"Origin": "https://evil.example"}},
    "no body": lambda good: {
        "headers": good | {"Content-Type": "application/json", "Content-Length": "0"}
    },
    "no length": lambda good: {
        "headers": good | {"Content-Type": "application/json", "Transfer-Encoding": "chunked"}
    },
    "no JSON": lambda good: {"headers": good, "data": "{", "content_type": "application/json"},
    "other type": lambda good: {"headers": good, "data": "<a/>", "content_type": "application/xml"},
    "too large": lambda good: {
        "headers": good,
        "data": "x" * 70_000,
        "content_type": "application/json",
    },
    "wrong field": lambda good: {"headers": good, "json": {"no_such_field": 1}},
    "wrong value": lambda good: {"headers": good, "json": {"username": 1, "password": []}},
    "wrong query": lambda good: {
        "headers": good,
        "query_string": "limit=0&cursor=x&no_such_parameter=1",
    },
    "repeated query": lambda good: {"headers": good, "query_string": "limit=1&limit=1"},
    "no such thing": lambda good: {
        "headers": good,
        "ids": {"account_id": 999, "session_id": NO_ID, "serial": 1},
    },
    "huge number": lambda good: {
        "headers": good,
        "ids": {"account_id": 10**30, "session_id": NO_ID, "serial": 1},
    },
    "no number": lambda good: {
        "headers": good,
        "ids": {"account_id": "x", "session_id": "x", "serial": "x"},
    },
    "no host": lambda good: {"headers": good | {"Host": "a b"}},
}
