"""The OpenAPI document of a dialect, at /openapi.json below its prefix and on its hosts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any

from flask import Blueprint, Response, current_app

from identity.web.dialect import Dialect
from identity.web.openapi.document import HERE, OpenApi, Refusals, Tag, in_order
from identity.web.published import published
from identity.web.requests.body import JSON_TYPE
from identity.web.verifier import auth

_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Description:
    """What the document says of a dialect as a whole.

    Args:
        title: whose calls they are.
        text: what their users should know.
        refusals: how it refuses.
    """

    title: str
    text: str
    refusals: Refusals


def with_document(dialect: Dialect, description: Description) -> Dialect:
    """Return the dialect with one call more, which describes the others."""
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
        kept: dict[str, bytes] = current_app.extensions.setdefault("identity.dialect_documents", {})
        if dialect.name not in kept:
            document: dict[str, Any] = builder.document(current_app, server=HERE)
            kept[dialect.name] = in_order(document)
        return published(kept[dialect.name], JSON_TYPE, seconds=_SECONDS)

    return replace(dialect, blueprints=(*dialect.blueprints, blueprint))
