"""Tokens and the sessions behind them; the protected resource of seed 004."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response

from identity.api.problems import refuse
from identity.api.responses import answer
from identity.api.schemas.responses import Greeting, Session, Sessions, Token
from identity.domain.principal import Principal
from identity.web.context import Context, services
from identity.web.dialect import FastRoute, RawResponse
from identity.web.openapi.document import Reply, describes
from identity.web.responses import empty, raw_json, respond
from identity.web.verifier import auth, current_principal

blueprint = Blueprint("tokens", __name__)


def _issue(principal: Principal, here: Context) -> RawResponse:
    issued = here.services.tokens.issue(principal)
    told = (("token", issued.token),) if here.services.exposure.tokens_in_headers else ()
    return raw_json(
        {"token": issued.token, "duration": int(issued.duration.total_seconds())}, *told
    )


def _greet(principal: Principal, _here: Context) -> RawResponse:
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
    """Return a token (seed 004): for a password of a new session, for a live token of the same one."""
    return respond(_issue)


@blueprint.delete("/api/token")
@auth.required
@describes("End this session", Reply(204), refusals=(404, 409), name="log_out")
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
@describes("Log out everywhere", Reply(204), name="log_out_everywhere")
def end_all() -> Response:
    """End every session of the caller, this one included."""
    services().tokens.revoke_all(current_principal())
    return empty()


@blueprint.delete("/api/sessions/<session:session_id>")
@auth.required
@describes("End one of your sessions", Reply(204), refusals=(404,), name="end_session")
def end_one(session_id: str) -> Response:
    """End one of the caller's sessions."""
    services().tokens.revoke(current_principal(), session_id)
    return empty()


@blueprint.get("/api/resource")
@auth.required
@describes("Use a credential", Reply(200, Greeting), name="get_resource")
def resource() -> Response:
    """Return the protected resource (seed 004), to test a credential with."""
    return respond(_greet)
