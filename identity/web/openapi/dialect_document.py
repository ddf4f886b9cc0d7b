"""Serves the OpenAPI document of a dialect, at /openapi.json below its prefix and on its hosts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any

from flask import Blueprint, Response, current_app

from identity.web.dialect import Dialect
from identity.web.openapi.document import SAME_FOLDER, OpenApi, Tag, dump_ordered
from identity.web.openapi.responses import Refusals
from identity.web.published import published
from identity.web.requests.body import JSON_TYPE
from identity.web.verifier import auth

_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Description:
    """The general part of a dialect's OpenAPI document.

    Args:
        title: the name of the API.
        text: an introduction for its users.
        refusals: its error responses.
    """

    title: str
    text: str
    refusals: Refusals


def with_document(dialect: Dialect, description: Description) -> Dialect:
    """Return the dialect with one more route, which serves its OpenAPI document."""
    blueprint = Blueprint(f"{dialect.name}_document", __name__)
    tag = Tag(dialect.name, description.title, dialect.name)
    info = {
        "title": description.title,
        "version": version("identityd"),
        "description": description.text,
    }
    builder = OpenApi(info, [tag], refusals=description.refusals, prefix=dialect.prefix)

    @blueprint.get("/openapi.json")
    @auth.public
    def openapi() -> Response:
        built: dict[str, bytes] = current_app.extensions.setdefault(
            "identity.dialect_documents", {}
        )
        if dialect.name not in built:
            document: dict[str, Any] = builder.document(current_app, server=SAME_FOLDER)
            built[dialect.name] = dump_ordered(document)
        return published(built[dialect.name], JSON_TYPE, seconds=_SECONDS)

    return replace(dialect, blueprints=(*dialect.blueprints, blueprint))
