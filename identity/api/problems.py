"""How the native tongue refuses: seed 004's two documented bodies, and RFC 9457 problems for the rest."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from flask import Response, request
from pydantic import ConfigDict

from identity.domain.errors import EmailTaken, NotFound, RegistrationRefused, Unauthenticated, UsernameTaken
from identity.web.answers import json_answer
from identity.web.body import Body
from identity.web.context import request_id
from identity.web.openapi import PROBLEM_TYPE, Reply
from identity.web.problems import CHALLENGES, Problem

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
    if isinstance(problem.fact, Unauthenticated):
        return _unauthorized()
    documented = isinstance(problem.fact, _FAILURES_OF_SEED_004.get(request.endpoint or "", ()))
    if documented and isinstance(problem.fact, UsernameTaken):
        return json_answer({"status": problem.detail}, HTTPStatus.BAD_REQUEST)
    status = HTTPStatus.BAD_REQUEST if documented else problem.status
    response = json_answer(_details(problem, status), status, kind=PROBLEM_TYPE)
    response.headers.extend(problem.headers)
    return response


def _unauthorized() -> Response:
    response = Response(UNAUTHORIZED_PAGE, HTTPStatus.UNAUTHORIZED, content_type=_HTML)
    for challenge in CHALLENGES:
        response.headers.add("WWW-Authenticate", challenge)
    return response


def _details(problem: Problem, status: HTTPStatus) -> dict[str, Any]:
    details: dict[str, Any] = {
        "type": "about:blank",
        "title": status.phrase,
        "status": status.value,
        "code": problem.code,
        "detail": problem.detail,
        "request_id": request_id(),
    }
    if problem.fields:
        details["errors"] = [{"field": each.field, "message": each.message} for each in problem.fields]
    return details
