"""Tokens and the sessions behind them; the protected resource of seed 004."""

from __future__ import annotations

from flask import Blueprint, Response

from identity.api.answers import answer
from identity.api.shown import Greeting, Session, Sessions, Token
from identity.web.answers import empty, json_answer
from identity.web.auth import auth, current_principal
from identity.web.context import context, services
from identity.web.openapi import Reply, describes
from identity.web.verified import VERIFIED_HEADERS, VERIFY_PATH, verified

blueprint = Blueprint("tokens", __name__)


@blueprint.route("/api/token", methods=["GET", "POST"])
@auth.required
@describes("Get a token", Reply(200, Token, headers=("token",)))
def issue() -> Response:
    """Return a token (seed 004): for a password of a new session, for a live token of the same one."""
    issued = services().tokens.issue(current_principal())
    duration = int(issued.duration.total_seconds())
    response = json_answer({"token": issued.token, "duration": duration})
    if not context().settings.hardened:
        response.headers["token"] = issued.token
    return response


@blueprint.delete("/api/token")
@auth.required
@describes("End this session", Reply(204), refusals=(404, 409))
def end_current() -> Response:
    """End the session of the token that makes this request, with all its tokens."""
    services().tokens.revoke_current(current_principal())
    return empty()


@blueprint.get("/api/sessions")
@auth.required
@describes("List your sessions", Reply(200, Sessions))
def list_sessions() -> Response:
    """Return the caller's live sessions, newest first."""
    views = services().tokens.sessions(current_principal())
    return answer(Sessions(sessions=[Session.model_validate(view) for view in views]))


@blueprint.delete("/api/sessions")
@auth.required
@describes("Log out everywhere", Reply(204))
def end_all() -> Response:
    """End every session of the caller, this one included."""
    services().tokens.revoke_all(current_principal())
    return empty()


@blueprint.delete("/api/sessions/<session:session_id>")
@auth.required
@describes("End one of your sessions", Reply(204), refusals=(404,))
def end_one(session_id: str) -> Response:
    """End one of the caller's sessions."""
    services().tokens.revoke(current_principal(), session_id)
    return empty()


@blueprint.get(VERIFY_PATH)
@auth.forwarded
@describes("Check a credential for another service", Reply(204, headers=VERIFIED_HEADERS))
def verify() -> Response:
    """Say who is calling, in headers alone, for a proxy that asks before it forwards a request."""
    response = empty()
    response.headers.extend(verified(current_principal().account))
    return response


@blueprint.get("/api/resource")
@auth.required
@describes("Use a credential", Reply(200, Greeting))
def resource() -> Response:
    """Return the protected resource (seed 004), to test a credential with."""
    return json_answer({"data": f"Hello, {current_principal().account.username}!"})
