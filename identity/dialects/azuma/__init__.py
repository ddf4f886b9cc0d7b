"""The dialect of Azuma, at /azuma.

Where the document is silent:

- A registration is answered with 201.
- The older `POST /user/register` works without an email.
- An email that is taken is ALREADY_EXISTS, as is a name that is taken.
- Unknown fields are ignored.
- Names follow the service's own rules.
- A new name or password needs recent authentication, else it is 401 STEP_UP_REQUIRED: log in
  again, then update.

Hardened, a failed login is the same 401 for an unknown name and for a wrong password.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from flask import Blueprint, Response

from identity.domain.errors import (
    Forbidden,
    NotFound,
    StepUpRequired,
    Unauthenticated,
    UnknownAccount,
)
from identity.domain.principal import Principal
from identity.domain.token_kinds import TokenKind
from identity.domain.values import UNSET
from identity.domain.views import AccountView
from identity.services.accounts.changes import ProfileChange
from identity.services.accounts.registration import NewAccount
from identity.services.authentication.identifiers import IdentifierType
from identity.web.context import origin, services
from identity.web.dialect import Dialect
from identity.web.problems import Problem
from identity.web.requests.body import Body, read_body
from identity.web.responses import json_response, timestamp
from identity.web.verifier import auth, current_principal

blueprint = Blueprint("azuma", __name__)


class _Registration(Body):
    name: str
    password: str
    email: str | None = None


class _Login(Body):
    name: str
    password: str


class _Update(Body):
    name: str | None = None
    password: str | None = None


def read_update(body: _Update) -> ProfileChange:
    """Return the changes; a field that is null or absent stays unchanged."""
    return ProfileChange(username=UNSET if body.name is None else body.name)


def show_user(view: AccountView) -> dict[str, str]:
    """Return a user as the document shows it after an update: without the email."""
    return {
        "id": view.uuid,
        "name": view.username,
        "created_at": timestamp(view.created_at, "microseconds"),
    }


_MESSAGES: Final = {
    HTTPStatus.UNAUTHORIZED: "UNAUTHORIZED",
    HTTPStatus.FORBIDDEN: "FORBIDDEN",
    HTTPStatus.NOT_FOUND: "NOT_FOUND",
    HTTPStatus.CONFLICT: "ALREADY_EXISTS",
    HTTPStatus.METHOD_NOT_ALLOWED: "METHOD_NOT_ALLOWED",
    HTTPStatus.REQUEST_TIMEOUT: "REQUEST_TIMEOUT",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "PAYLOAD_TOO_LARGE",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "UNSUPPORTED_MEDIA_TYPE",
    HTTPStatus.LENGTH_REQUIRED: "LENGTH_REQUIRED",
    HTTPStatus.TOO_MANY_REQUESTS: "TOO_MANY_REQUESTS",
    HTTPStatus.SERVICE_UNAVAILABLE: "SERVICE_UNAVAILABLE",
    HTTPStatus.INTERNAL_SERVER_ERROR: "INTERNAL_SERVER_ERROR",
}

_SPELLINGS: Final[dict[type[Exception], str]] = {StepUpRequired: "STEP_UP_REQUIRED"}


def spell(problem: Problem) -> Response:
    """Return `{"message": NAME}` with the names of the document."""
    by_status = _MESSAGES.get(problem.status, "BAD_REQUEST")
    message = _SPELLINGS.get(type(problem.error), by_status)
    response = json_response({"message": message}, problem.status)
    response.headers.extend(problem.headers)
    return response


@blueprint.post("/users")
@blueprint.post("/user/register")
@auth.public
def register() -> Response:
    """Register an account and open its first session."""
    body = read_body(_Registration, forms=False)
    account = services().accounts.register(
        Principal(origin()), NewAccount(body.name, body.password, body.email)
    )
    principal = services().authentication.of_registration(account, origin())
    return _session(principal, HTTPStatus.CREATED)


@blueprint.post("/user/login")
@auth.public
def login() -> Response:
    """Open a session."""
    body = read_body(_Login, forms=False)
    try:
        principal = services().authentication.by_password(
            body.name, body.password, origin(), known_by=IdentifierType.USERNAME
        )
        return _session(principal, HTTPStatus.OK)
    except Unauthenticated as error:
        if not services().exposure.tells_unknown_accounts:
            raise
        if isinstance(error, UnknownAccount):
            raise NotFound("user") from None
        raise Forbidden from None


@blueprint.patch("/user/update")
@auth.required
def update() -> Response:
    """Change the caller's name or password."""
    body = read_body(_Update, forms=False)
    view = services().profiles.change(
        current_principal(),
        read_update(body),
        password=body.password,
        recent_authentication_suffices=True,
    )
    return json_response(show_user(view))


def _session(principal: Principal, status: HTTPStatus) -> Response:
    return json_response({"token": services().logins.open(principal, TokenKind.UUID).token}, status)


DIALECT = Dialect(name="azuma", prefix="/azuma", blueprints=(blueprint,), spell=spell)
