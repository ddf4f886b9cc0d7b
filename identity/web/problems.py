"""The HTTP status of each domain error, for all dialects; and the errors that only HTTP has."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from typing import Final

from werkzeug.exceptions import HTTPException

from identity.domain.errors import (
    BadCertificateRequest,
    Busy,
    Conflict,
    FieldProblem,
    Forbidden,
    IdentityError,
    InvalidInput,
    InvalidToken,
    NotFound,
    RateLimited,
    RetryLater,
    StepUpRequired,
    Unauthenticated,
    Unavailable,
)

_log = logging.getLogger(__name__)

REALM: Final = "Authentication Required"
# Basic first: a proxy that forwards only one challenge forwards the first (nginx 1.22).
CHALLENGES: Final = (f'Basic realm="{REALM}"', f'Bearer realm="{REALM}"')

INTERNAL_ERROR: Final = (
    HTTPStatus.INTERNAL_SERVER_ERROR,
    "internal_error",
    "Internal error. It has been logged.",
)


class BadRequest(IdentityError):
    """The request is invalid as HTTP. Each subclass has its own status."""

    code = "bad_request"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class MalformedBody(BadRequest):
    """The body does not match its content type."""

    code = "malformed_body"


class BodyTooLarge(BadRequest):
    """The body is larger than any valid one."""

    code = "body_too_large"


class BodyTooSlow(BadRequest):
    """The body did not arrive in time, and its connection was closed."""

    code = "request_timeout"


class LengthRequired(BadRequest):
    """The body has no Content-Length."""

    code = "length_required"


class UnsupportedBody(BadRequest):
    """The type or encoding of the body is not supported."""

    code = "unsupported_media_type"


class SlowBodies(Busy):
    """Too many bodies are being read already; this one was not."""

    detail = "Too many request bodies are still arriving. Try again shortly."


class CrossSite(BadRequest):
    """A page of another site made a browser send the request."""

    code = "cross_site_request"


STATUS: Final[dict[type[IdentityError], HTTPStatus]] = {
    InvalidInput: HTTPStatus.BAD_REQUEST,
    BadRequest: HTTPStatus.BAD_REQUEST,
    MalformedBody: HTTPStatus.BAD_REQUEST,
    Unauthenticated: HTTPStatus.UNAUTHORIZED,
    StepUpRequired: HTTPStatus.UNAUTHORIZED,
    Forbidden: HTTPStatus.FORBIDDEN,
    CrossSite: HTTPStatus.FORBIDDEN,
    NotFound: HTTPStatus.NOT_FOUND,
    BadCertificateRequest: HTTPStatus.BAD_REQUEST,
    InvalidToken: HTTPStatus.BAD_REQUEST,
    Conflict: HTTPStatus.CONFLICT,
    BodyTooSlow: HTTPStatus.REQUEST_TIMEOUT,
    LengthRequired: HTTPStatus.LENGTH_REQUIRED,
    BodyTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    UnsupportedBody: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    RateLimited: HTTPStatus.TOO_MANY_REQUESTS,
    Busy: HTTPStatus.SERVICE_UNAVAILABLE,
    Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}


@dataclass(frozen=True, slots=True)
class Problem:
    """An error with its HTTP status, for a dialect to render."""

    status: HTTPStatus
    code: str
    detail: str
    error: Exception
    fields: tuple[FieldProblem, ...] = ()
    headers: tuple[tuple[str, str], ...] = field(default=())


def describe(error: Exception) -> Problem:
    """Return the problem of any exception. An unexpected one is logged; its text is not shown."""
    if isinstance(error, IdentityError):
        return _describe_domain(error)
    if isinstance(error, HTTPException):
        return _describe_http(error)
    _log.exception("unexpected error")
    return Problem(*INTERNAL_ERROR, error)


def _describe_domain(error: IdentityError) -> Problem:
    status = next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
    fields = error.problems if isinstance(error, InvalidInput) else ()
    return Problem(status, error.code, error.detail, error, fields, _headers(error))


def as_denial(error: Exception) -> Exception:
    """Return the error for a proxy that takes every status but 401 and 403 for an outage."""
    if isinstance(error, RateLimited):
        return Unauthenticated(error.retry_after)
    return Unauthenticated() if isinstance(error, BadRequest) else error


def _headers(error: IdentityError) -> tuple[tuple[str, str], ...]:
    if isinstance(error, RetryLater):
        seconds = _whole_seconds(error.retry_after)
        return ("Retry-After", str(seconds)), *_rate_limit(error, seconds)
    if isinstance(error, Unauthenticated) and error.retry_after is not None:
        return (("Retry-After", str(_whole_seconds(error.retry_after))),)
    if isinstance(error, StepUpRequired):  # RFC 9470 section 3
        max_age = int(error.max_age.total_seconds())
        stronger = f'Bearer error="insufficient_user_authentication", max_age={max_age}'
        return tuple(("WWW-Authenticate", challenge) for challenge in (*CHALLENGES, stronger))
    return ()


def _whole_seconds(span: timedelta) -> int:
    return max(1, math.ceil(span.total_seconds()))


def _rate_limit(error: RetryLater, seconds: int) -> tuple[tuple[str, str], ...]:
    """Return the fields that name the limit (draft-ietf-httpapi-ratelimit-headers-10)."""
    if not isinstance(error, RateLimited) or error.limit is None:
        return ()
    limit = error.limit
    policy = f'"{limit.name}";q={limit.most};w={int(limit.window.total_seconds())}'
    return ("RateLimit", f'"{limit.name}";r=0;t={seconds}'), ("RateLimit-Policy", policy)


_ROUTING: Final = {
    HTTPStatus.NOT_FOUND: ("not_found", "No such resource."),
    HTTPStatus.METHOD_NOT_ALLOWED: (
        "method_not_allowed",
        "This resource does not support that method.",
    ),
}


def _describe_http(error: HTTPException) -> Problem:
    status = HTTPStatus(error.code or HTTPStatus.INTERNAL_SERVER_ERROR)
    code, detail = _ROUTING.get(
        status, (status.phrase.lower().replace(" ", "_"), f"{status.phrase}.")
    )
    kept = tuple((name, value) for name, value in error.get_headers() if name == "Allow")
    return Problem(status, code, detail, error, headers=kept)
