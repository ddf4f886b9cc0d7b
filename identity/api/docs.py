"""The API browser at /docs: Swagger UI, served completely from its Python package."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Final

import flask_swagger_ui
from flask import Blueprint, Response, render_template, request, send_from_directory

from identity.web.context import context

blueprint = Blueprint("docs", "flask_swagger_ui", url_prefix="/docs", template_folder="templates")

_FILES: Final = Path(flask_swagger_ui.__file__).with_name("dist")
_VERSION: Final = version("flask-swagger-ui")
# The page contains its own script; nothing is loaded from other hosts.
_POLICY: Final = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'"
)


@blueprint.get("/")
@blueprint.get("/index.html")
def page() -> Response:
    """Show the documents. All URLs are relative, so that it works below a proxy's sub-path."""
    inside = request.path.endswith(("/", ".html"))
    root = ".." if inside else "."
    prefixes = {"native": ""} | dict(context().dialects)
    config = {
        "urls": [
            {"url": f"{root}{prefix}/openapi.json", "name": name}
            for name, prefix in prefixes.items()
        ],
        "dom_id": "#swagger-ui",
        "layout": "StandaloneLayout",
        "deepLinking": True,
        "oauth2RedirectUrl": "",
        "validatorUrl": None,  # by default the page sends the document to swagger.io
    }
    text = render_template(
        "index.template.html",
        base_url="." if inside else "docs",
        app_name="Identity",
        config_json=json.dumps(config),
        version=_VERSION,
    )
    response = Response(text, content_type="text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = _POLICY
    return response


@blueprint.get("/<path:path>")
def file(path: str) -> Response:
    """Return a file that the page loads."""
    response = send_from_directory(_FILES, path)
    response.headers["Content-Security-Policy"] = _POLICY
    return response
