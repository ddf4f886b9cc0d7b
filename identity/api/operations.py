"""Routes for operators and monitoring: health, readiness, metrics, keys and OpenAPI."""

from __future__ import annotations

import hmac
from typing import Any, Final

from flask import Blueprint, Response, current_app, request

from identity.api.description import document
from identity.caching import CachedValue
from identity.domain.errors import Unavailable
from identity.domain.keys import GRACE_MIN_SECONDS
from identity.services.mail.outbox import OutboxState
from identity.web.context import context, services
from identity.web.openapi.document import SAME_FOLDER, dump_ordered
from identity.web.openapi.operations import Reply, describes
from identity.web.published import published
from identity.web.requests.body import JSON_TYPE, Body
from identity.web.responses import json_response
from identity.web.verifier import auth, current_principal

METRICS_SECONDS: Final = 1.0  # shorter than any scrape interval, so that no counter goes back
_DOCUMENT_SECONDS: Final = 60

blueprint = Blueprint("operations", __name__)


class Health(Body):
    """The state of the service."""

    status: str


@blueprint.get("/healthz")
@describes("Check that the process is alive", Reply(200, Health), name="check_liveness")
def healthz() -> Response:
    """Answer 200 as long as the process runs."""
    return json_response({"status": "alive"})


@blueprint.get("/readyz")
@describes(
    "Check that requests can be served",
    Reply(200, Health),
    refusals=(503,),
    name="check_readiness",
)
def readyz() -> Response:
    """Answer 200 while the database is migrated to this version and writable."""
    services().readiness.require()
    return json_response({"status": "ready"})


@blueprint.get("/metrics")
@auth.public
@describes(
    "Prometheus metrics",
    Reply(200, media_type="text/plain"),
    refusals=(401, 403),
    name="show_metrics",
)
def metrics() -> Response:
    """Return the metrics of all workers.

    If IDENTITY_METRICS_TOKEN is set, only to clients with that token and to administrators.
    """
    expected = context().edge.metrics_token
    if expected and not _has_bearer(expected):
        return _metrics_for_administrators()
    return _metrics()


def _has_bearer(expected: str) -> bool:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(
        token.strip(" ").encode(), expected.encode()
    )


@auth.required
def _metrics_for_administrators() -> Response:
    services().administration.outbox(current_principal())  # refuses other callers
    return _metrics()


def _metrics() -> Response:
    text, kind = _cached("metrics", METRICS_SECONDS).get(_exposition)
    return Response(text, content_type=kind)


def _exposition() -> tuple[bytes, str]:
    # Mails are counted in the database, which all workers share; omitted while it is unavailable.
    try:
        mails = _mails(services().outbox.state())
    except Unavailable:
        mails = b""
    text, kind = context().metrics.exposition()
    return text + mails, kind


def _mails(state: OutboxState) -> bytes:
    lines = ["# HELP identity_outbox_mails Mails by state.", "# TYPE identity_outbox_mails gauge"]
    lines += [
        f'identity_outbox_mails{{state="{name}"}} {getattr(state, name)}'
        for name in ("waiting", "sent", "parked")
    ]
    return ("\n".join(lines) + "\n").encode()


class KeySet(Body):
    """Public keys (RFC 7517)."""

    keys: list[dict[str, str]]


@blueprint.get("/.well-known/jwks.json")
@describes("List the keys of the JWTs", Reply(200, KeySet), name="list_jwt_keys")
def key_set() -> Response:
    """Return the public keys, with which other services verify our JWTs offline."""
    text = json_response(services().logins.key_set()).get_data()
    return published(text, JSON_TYPE, seconds=GRACE_MIN_SECONDS - 1)


@blueprint.get("/openapi.json")
@describes("Return this document", Reply(200), name="show_openapi")
def openapi() -> Response:
    """Return the OpenAPI document of the native dialect."""
    text = _cached("openapi").get(_document)
    return published(text, JSON_TYPE, seconds=_DOCUMENT_SECONDS)


def _cached(name: str, seconds: float | None = None) -> CachedValue[Any]:
    cached: CachedValue[Any] = current_app.extensions.setdefault(
        f"identity.cached.{name}", CachedValue(seconds)
    )
    return cached


def _document() -> bytes:
    return dump_ordered(document(current_app, server=context().edge.public_url or SAME_FOLDER))
