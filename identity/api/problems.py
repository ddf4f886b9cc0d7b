"""How the native dialect refuses: seed 004's two documented bodies, and RFC 9457 problems for the rest."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from flask import Response, request
from pydantic import ConfigDict

from identity.domain.errors import (
    EmailTaken,
    NotFound,
    RegistrationRefused,
    Unauthenticated,
    UsernameTaken,
)
from identity.web.dialect import RawResponse
from identity.web.environ import REQUEST_ID
from identity.web.openapi.document import PROBLEM_TYPE, Reply
from identity.web.problems import CHALLENGES, Problem, as_denial, describe
from identity.web.requests.accept import wants_json
from identity.web.requests.body import Body
from identity.web.responses import flask_response, json_response, raw_json, raw_text

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

UNAUTHORIZED_PAGE: Final = "Unauthorized Access"
UNAUTHORIZED: Final = Reply(401, media_type="text/html", headers=("WWW-Authenticate",))
_HTML: Final = "text/html; charset=utf-8"


class FieldRefusal(Body):
    """One field and what is wrong with it."""

    field: str
    message: str


class ProblemDetails(Body):
    """A refusal (RFC 9457). `code` is stable; `detail` is for people."""

    model_config = ConfigDict(title="ProblemDetails")

    type: str
    title: str
    status: int
    code: str
    detail: str
    request_id: str
    errors: list[FieldRefusal] | None = None


class Duplicate(Body):
    """The name is taken, in the words of seed 004's server."""

    status: str


# Seed 004: "On failure status code 400 (bad request) is returned", for these calls and their reasons.
_FAILURES_OF_SEED_004: Final = {
    "users.register": (UsernameTaken, EmailTaken, RegistrationRefused),
    "users.show": (NotFound,),
}


def spell(problem: Problem) -> Response:
    """Return the native answer to a refusal."""
    if not isinstance(problem.error, _FAILURES_OF_SEED_004.get(request.endpoint or "", ())):
        return flask_response(_say(problem, request.environ))
    if isinstance(problem.error, UsernameTaken):
        return json_response({"status": problem.detail}, HTTPStatus.BAD_REQUEST)
    return flask_response(_say(replace(problem, status=HTTPStatus.BAD_REQUEST), request.environ))


def refuse(error: Exception, environ: WSGIEnvironment) -> RawResponse:
    """Return the native answer to an error of this request."""
    return _say(describe(error), environ)


def refuse_forwarded(error: Exception, environ: WSGIEnvironment) -> RawResponse:
    """Return the same for a call that says no more than no (see `auth.forward_auth`)."""
    return refuse(as_denial(error), environ)


def _say(problem: Problem, environ: WSGIEnvironment) -> RawResponse:
    headers = problem.headers
    if isinstance(problem.error, Unauthenticated):
        headers = (*(("WWW-Authenticate", challenge) for challenge in CHALLENGES), *headers)
        if not wants_json(environ.get("HTTP_ACCEPT", "")):  # the document's own page
            return raw_text(UNAUTHORIZED_PAGE, *headers, status=problem.status, kind=_HTML)
    return raw_json(
        _details(problem, environ[REQUEST_ID]), *headers, status=problem.status, kind=PROBLEM_TYPE
    )


def _details(problem: Problem, asked: str) -> dict[str, Any]:
    details: dict[str, Any] = {
        "type": "about:blank",
        "title": problem.status.phrase,
        "status": problem.status.value,
        "code": problem.code,
        "detail": problem.detail,
        "request_id": asked,
    }
    if problem.fields:
        details["errors"] = [
            {"field": each.field, "message": each.message} for each in problem.fields
        ]
    return details
