"""The errors of Wekan's document, which are Meteor's."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from flask import Response, request

from identity.domain import errors
from identity.web.problems import BadRequest, Problem
from identity.web.responses import empty, json_response

# Meteor's own code, a number or a word, and reason for each error.
_SPELLINGS: Final[dict[type[Exception], tuple[HTTPStatus, int | str, str]]] = {
    errors.UsernameTaken: (HTTPStatus.BAD_REQUEST, 403, "Username already exists."),
    errors.EmailTaken: (HTTPStatus.BAD_REQUEST, 403, "Email already exists."),
    errors.InvalidInput: (HTTPStatus.BAD_REQUEST, 400, "Match failed"),
    errors.Unauthenticated: (
        HTTPStatus.UNAUTHORIZED,
        "login-failed",
        "Incorrect username, email address or password.",
    ),
    errors.StepUpRequired: (
        HTTPStatus.UNAUTHORIZED,
        "step-up-required",
        errors.StepUpRequired.detail,
    ),
    errors.RateLimited: (
        HTTPStatus.TOO_MANY_REQUESTS,
        "too-many-requests",
        "Too many requests. Please slow down.",
    ),
}


_LOGGED_OUT: Final[dict[type[Exception], str]] = {
    errors.Unauthenticated: (
        "You must be logged in to log out. Send your token as an Authorization: Bearer header."
    ),
    errors.NoSession: "No login token found on the request.",
}


def spell(problem: Problem) -> Response:
    """Return Meteor's error object."""
    error = problem.error
    if request.endpoint == "wekan.register" and isinstance(
        error, errors.Unauthenticated | errors.RegistrationRefused
    ):
        return empty(HTTPStatus.FORBIDDEN)
    if isinstance(error, errors.NotFound):
        return json_response({})
    if request.endpoint == "wekan.logout" and (reason := _LOGGED_OUT.get(type(error))):
        return json_response({"error": "unauthorized", "reason": reason}, HTTPStatus.UNAUTHORIZED)
    if request.path.startswith("/wekan/api"):
        if isinstance(error, errors.Unauthenticated):
            return _meteor_error("Unauthorized", problem.status)
        if isinstance(error, errors.Forbidden):
            return _meteor_error("Forbidden", problem.status)
    spellings = (_SPELLINGS[kind] for kind in type(error).__mro__ if kind in _SPELLINGS)
    default = problem.status.value if type(error) is BadRequest else problem.code
    status, code, reason = next(spellings, (problem.status, default, problem.detail))
    response = json_response({"error": code, "reason": reason}, status)
    response.headers.extend(problem.headers)
    return response


def _meteor_error(word: str, status: HTTPStatus) -> Response:
    return json_response(
        {
            "isClientSafe": True,
            "errorType": "Meteor.Error",
            "statusCode": status.value,
            "error": word,
            "reason": word,
            "message": f"{word} [{word}]",
        }
    )
