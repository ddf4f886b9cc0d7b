"""Tokens, sessions and the protected resource of Certifire."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response

from identity.api.problems import refuse
from identity.api.responses import answer
from identity.api.schemas.responses import Greeting, Session, Sessions, Token
from identity.domain.principal import Principal
from identity.web.context import Context, services
from identity.web.dialect import FastRoute, RawResponse
from identity.web.openapi.operations import Reply, describes
from identity.web.responses import empty, raw_json, respond
from identity.web.verifier import auth, current_principal

blueprint = Blueprint("tokens", __name__)


def _issue(principal: Principal, context: Context) -> RawResponse:
    issued = context.services.tokens.issue(principal)
    body = {"token": issued.token, "duration": int(issued.duration.total_seconds())}
    if context.services.exposure.tokens_in_headers:
        return raw_json(body, ("token", issued.token))
    return raw_json(body)


def _greet(principal: Principal, _context: Context) -> RawResponse:
    return raw_json({"data": f"Hello, {principal.account.username}!"})


FAST: Final = {
    "/api/token": FastRoute(_issue, refuse),
    "/api/resource": FastRoute(_greet, refuse),
}


@blueprint.route("/api/token", methods=["GET", "POST"])
@auth.opening
@describes(
    "Get a token",
    Reply(200, Token, headers=("token",)),
    refusals=(403,),
    name={"GET": "get_token", "POST": "issue_token"},
)
def issue() -> Response:
    """Return a token (Certifire): of a new session for a password, of the same one for a token."""
    return respond(_issue)


@blueprint.delete("/api/token")
@auth.required
@describes("End this session", Reply(204), refusals=(404, 409), name="log_out")
def end_current() -> Response:
    """Revoke the session of the token that authenticates this request, with all its tokens."""
    services().tokens.revoke_current(current_principal())
    return empty()


@blueprint.get("/api/sessions")
@auth.required
@describes("List your sessions", Reply(200, Sessions))
def list_sessions() -> Response:
    """Return the caller's valid sessions, newest first."""
    views = services().tokens.sessions(current_principal())
    return answer(Sessions(sessions=[Session.model_validate(view) for view in views]))


@blueprint.delete("/api/sessions")
@auth.required
@describes("Log out everywhere", Reply(204), name="log_out_everywhere")
def end_all() -> Response:
    """Revoke all sessions of the caller, including this one."""
    services().tokens.revoke_all(current_principal())
    return empty()


@blueprint.delete("/api/sessions/<session:session_id>")
@auth.required
@describes("End one of your sessions", Reply(204), refusals=(404,), name="end_session")
def end_one(session_id: str) -> Response:
    """Revoke one of the caller's sessions."""
    services().tokens.revoke(current_principal(), session_id)
    return empty()


@blueprint.get("/api/resource")
@auth.required
@describes("Test a credential", Reply(200, Greeting), name="get_resource")
def resource() -> Response:
    """Return the protected resource (Certifire), to test a credential with."""
    return respond(_greet)
