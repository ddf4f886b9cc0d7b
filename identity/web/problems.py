"""What each fact means in HTTP, once for all dialects; and the errors that only HTTP has."""

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

MISTAKE: Final = (
    HTTPStatus.INTERNAL_SERVER_ERROR,
    "internal_error",
    "The service made a mistake; it has been logged.",
)


class BadRequest(IdentityError):
    """The request itself cannot be read. Each subclass is one HTTP status."""

    code = "bad_request"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class MalformedBody(BadRequest):
    """The body is not what its content type says."""

    code = "malformed_body"


class BodyTooLarge(BadRequest):
    """The body is longer than any valid one."""

    code = "body_too_large"


class BodyTooSlow(BadRequest):
    """The body did not arrive in time; its connection is over."""

    code = "request_timeout"


class LengthRequired(BadRequest):
    """The body came without its length."""

    code = "length_required"


class UnsupportedBody(BadRequest):
    """The body is of a type or encoding that is not read here."""

    code = "unsupported_media_type"


class SlowBodies(Busy):
    """Too many bodies are on their way already; this one was not read."""

    detail = "Too many requests are still arriving right now; try again shortly."


class CrossSite(BadRequest):
    """A page of another site made a browser send this."""

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
    """A refusal on its way to a dialect: HTTP's meaning and the fact behind it."""

    status: HTTPStatus
    code: str
    detail: str
    fact: Exception
    fields: tuple[FieldProblem, ...] = ()
    headers: tuple[tuple[str, str], ...] = field(default=())


def describe(error: Exception) -> Problem:
    """Give any exception its HTTP meaning; what nobody expected becomes a logged 500 without a word of its text."""
    if isinstance(error, IdentityError):
        return _describe_fact(error)
    if isinstance(error, HTTPException):
        return _describe_http(error)
    _log.exception("unexpected error")
    return Problem(*MISTAKE, error)


def _describe_fact(error: IdentityError) -> Problem:
    status = next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
    fields = error.problems if isinstance(error, InvalidInput) else ()
    return Problem(status, error.code, error.detail, error, fields, _headers(error))


def yes_or_no(error: Exception) -> Exception:
    """Return what a proxy hears that asks before it forwards a request: it takes other refusals for an outage."""
    if isinstance(error, RateLimited):
        return Unauthenticated(error.retry_after)
    return Unauthenticated() if isinstance(error, BadRequest) else error


def _headers(error: IdentityError) -> tuple[tuple[str, str], ...]:
    if isinstance(error, RetryLater):
        seconds = _seconds(error.retry_after)
        return ("Retry-After", str(seconds)), *_rate_limit(error, seconds)
    if isinstance(error, Unauthenticated) and error.retry_after is not None:
        return (("Retry-After", str(_seconds(error.retry_after))),)
    if isinstance(error, StepUpRequired):  # RFC 9470 section 3
        max_age = int(error.max_age.total_seconds())
        stronger = f'Bearer error="insufficient_user_authentication", max_age={max_age}'
        return tuple(("WWW-Authenticate", challenge) for challenge in (*CHALLENGES, stronger))
    return ()


def _seconds(span: timedelta) -> int:
    return max(1, math.ceil(span.total_seconds()))


def _rate_limit(error: RetryLater, seconds: int) -> tuple[tuple[str, str], ...]:
    """Say which limit it was, in structured fields (draft-ietf-httpapi-ratelimit-headers-10)."""
    if not isinstance(error, RateLimited) or error.limit is None:
        return ()
    limit = error.limit
    policy = f'"{limit.name}";q={limit.most};w={int(limit.window.total_seconds())}'
    return ("RateLimit", f'"{limit.name}";r=0;t={seconds}'), ("RateLimit-Policy", policy)


_ROUTING: Final = {
    HTTPStatus.NOT_FOUND: ("not_found", "There is nothing at this address."),
    HTTPStatus.METHOD_NOT_ALLOWED: (
        "method_not_allowed",
        "This address does not answer to that method.",
    ),
}


def _describe_http(error: HTTPException) -> Problem:
    status = HTTPStatus(error.code or HTTPStatus.INTERNAL_SERVER_ERROR)
    code, detail = _ROUTING.get(
        status, (status.phrase.lower().replace(" ", "_"), f"{status.phrase}.")
    )
    kept = tuple((name, value) for name, value in error.get_headers() if name == "Allow")
    return Problem(status, code, detail, error, headers=kept)
