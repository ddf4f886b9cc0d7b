"""For those who run the service: is it alive, is it ready, what does it do, what can it be asked."""

from __future__ import annotations

import hmac
from importlib.metadata import version
from typing import Any

from flask import Blueprint, Response, current_app, request
from flask_swagger_ui import get_swaggerui_blueprint

from identity.api.problems import UNAUTHORIZED, ProblemDetails
from identity.domain.errors import Unavailable
from identity.services.outbox import OutboxState
from identity.web.answers import json_answer
from identity.web.auth import auth, current_principal
from identity.web.body import Body
from identity.web.context import context, services
from identity.web.openapi import OpenApi, Reply, describes

blueprint = Blueprint("operations", __name__)

# The page's own script stands in the page; nothing is loaded from elsewhere.
_DOCS_POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'"
)


class Health(Body):
    """The service answers."""

    status: str


@blueprint.get("/healthz")
@describes("Is the process alive", Reply(200, Health))
def healthz() -> Response:
    """Answer as long as the process can."""
    return json_answer({"status": "alive"})


@blueprint.get("/readyz")
@describes("Can requests be served", Reply(200, Health), refusals=(503,))
def readyz() -> Response:
    """Answer 200 while the database is migrated to this version and takes writing."""
    services().readiness.require()
    return json_answer({"status": "ready"})


@blueprint.get("/metrics")
@auth.open
@describes("Prometheus metrics", Reply(200, media_type="text/plain"), refusals=(401, 403))
def metrics() -> Response:
    """Return the counts of all workers; with IDENTITY_METRICS_TOKEN set, to its bearer and to administrators."""
    expected = context().settings.metrics_token
    if expected and not _bears(expected):
        return _metrics_for_administrators()
    # Asked of the database, which all workers share; left out while it does not answer.
    try:
        return _exposition(services().outbox.state())
    except Unavailable:
        return _exposition(None)


def _bears(expected: str) -> bool:
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(given.strip(" ").encode(), expected.encode())


@auth.required
def _metrics_for_administrators() -> Response:
    return _exposition(services().administration.outbox(current_principal()))


def _exposition(outbox: OutboxState | None) -> Response:
    text, content_type = context().metrics.exposition()
    return Response(text + (_mails(outbox) if outbox else b""), content_type=content_type)


def _mails(state: OutboxState) -> bytes:
    lines = ["# HELP identity_outbox_mails Letters by state.", "# TYPE identity_outbox_mails gauge"]
    lines += [
        f'identity_outbox_mails{{state="{name}"}} {getattr(state, name)}' for name in ("waiting", "sent", "parked")
    ]
    return ("\n".join(lines) + "\n").encode()


class KeySet(Body):
    """Public keys (RFC 7517)."""

    keys: list[dict[str, str]]


@blueprint.get("/.well-known/jwks.json")
@describes("Keys of the JWTs", Reply(200, KeySet))
def key_set() -> Response:
    """Return the public keys with which anybody can check our JWTs offline."""
    return json_answer(services().logins.key_set())


@blueprint.get("/openapi.json")
@describes("This document", Reply(200))
def openapi() -> Response:
    """Return the description of every native call."""
    return json_answer(_document())


def _document() -> dict[str, Any]:
    builder = OpenApi(title="Identity", version=version("identityd"), problem=ProblemDetails, unauthorized=UNAUTHORIZED)
    return builder.document(current_app._get_current_object())  # type: ignore[attr-defined]  # noqa: SLF001 - Flask's documented way


docs: Blueprint = get_swaggerui_blueprint(
    "/docs",
    "/openapi.json",
    config={"app_name": "Identity", "oauth2RedirectUrl": "", "validatorUrl": None},
    blueprint_name="docs",
)


@docs.after_request
def allow_own_scripts(response: Response) -> Response:
    """Let the page run what the package ships."""
    response.headers["Content-Security-Policy"] = _DOCS_POLICY
    return response
