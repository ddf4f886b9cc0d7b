"""The root: what this service is and where its documentation is, for people and programs."""

from __future__ import annotations

import html
from typing import Final

from flask import Blueprint, Response, request

from identity.api.pages import page
from identity.api.responses import answer, base_url
from identity.api.schemas.responses import Greeting, Shown
from identity.web.openapi.operations import Reply, describes
from identity.web.requests.body import JSON_TYPE
from identity.web.verifier import auth

blueprint = Blueprint("front", __name__)

_HTML: Final = "text/html"
_NAME: Final = "Identity"
_ABOUT: Final = (
    "An identity service: accounts, passwords, tokens and client certificates over HTTP."
)
# Relative links, so that they work below a proxy's sub-path.
_TEXT: Final = (
    "<p>{about}</p><ul>"
    '<li><a href="docs/">API documentation</a></li>'
    '<li><a href="openapi.json">OpenAPI document</a></li>'
    '<li><a href="healthz">Health</a></li>'
    "</ul><p>From a terminal: <code>curl -u NAME {base}/api/token</code></p>"
)


class Front(Shown):
    """What this service is."""

    name: str
    description: str
    documentation: str
    openapi: str
    health: str


@blueprint.get("/")
@auth.public
@describes(
    "Show what this service is",
    Reply(200, Front),
    Reply(200, media_type=_HTML),
    name="show_service",
)
def root() -> Response:
    """Describe the service: a page for browsers, JSON for other clients."""
    base = base_url()
    if request.accept_mimetypes.best_match([JSON_TYPE, _HTML], default=JSON_TYPE) == _HTML:
        response = page(_NAME, _TEXT.format(about=_ABOUT, base=html.escape(base)))
    else:
        response = answer(
            Front(
                name=_NAME,
                description=_ABOUT,
                documentation=f"{base}/docs/",
                openapi=f"{base}/openapi.json",
                health=f"{base}/healthz",
            )
        )
    response.headers["Vary"] = "Accept"
    return response


@blueprint.get("/api/public")
@auth.public
@describes("Test a connection", Reply(200, Greeting), name="greet")
def public() -> Response:
    """Return the public resource (Certifire), to test a connection with."""
    return answer(Greeting(data="Hello, world"))
