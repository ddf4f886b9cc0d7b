"""Errors of the native dialect: the two bodies of Certifire, and RFC 9457 problems otherwise."""

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
from identity.web.openapi.operations import Reply
from identity.web.openapi.responses import PROBLEM_TYPE
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
    """A field and its error."""

    field: str
    message: str


class ProblemDetails(Body):
    """An error (RFC 9457). `code` is stable; `detail` is for people."""

    model_config = ConfigDict(title="ProblemDetails")

    type: str
    title: str
    status: int
    code: str
    detail: str
    request_id: str
    errors: list[FieldRefusal] | None = None


class Duplicate(Body):
    """The username is taken (Certifire)."""

    status: str


# Certifire answers these errors of these calls with 400.
_BAD_REQUESTS_OF_CERTIFIRE: Final = {
    "users.register": (UsernameTaken, EmailTaken, RegistrationRefused),
    "users.show": (NotFound,),
}


def spell(problem: Problem) -> Response:
    """Return the native response to a problem."""
    if not isinstance(problem.error, _BAD_REQUESTS_OF_CERTIFIRE.get(request.endpoint or "", ())):
        return flask_response(_render(problem, request.environ))
    if isinstance(problem.error, UsernameTaken):
        return json_response({"status": problem.detail}, HTTPStatus.BAD_REQUEST)
    return flask_response(_render(replace(problem, status=HTTPStatus.BAD_REQUEST), request.environ))


def refuse(error: Exception, environ: WSGIEnvironment) -> RawResponse:
    """Return the native response to an error of this request."""
    return _render(describe(error), environ)


def refuse_forwarded(error: Exception, environ: WSGIEnvironment) -> RawResponse:
    """Return the response to an error of a request of nginx (see `auth.forward_auth`)."""
    return refuse(as_denial(error), environ)


def _render(problem: Problem, environ: WSGIEnvironment) -> RawResponse:
    headers = problem.headers
    if isinstance(problem.error, Unauthenticated):
        headers = (*(("WWW-Authenticate", challenge) for challenge in CHALLENGES), *headers)
        if not wants_json(environ.get("HTTP_ACCEPT", "")):  # the document's own page
            return raw_text(UNAUTHORIZED_PAGE, *headers, status=problem.status, kind=_HTML)
    return raw_json(
        _details(problem, environ[REQUEST_ID]), *headers, status=problem.status, kind=PROBLEM_TYPE
    )


def _details(problem: Problem, request_id: str) -> dict[str, Any]:
    details: dict[str, Any] = {
        "type": "about:blank",
        "title": problem.status.phrase,
        "status": problem.status.value,
        "code": problem.code,
        "detail": problem.detail,
        "request_id": request_id,
    }
    if problem.fields:
        details["errors"] = [
            {"field": each.field, "message": each.message} for each in problem.fields
        ]
    return details
