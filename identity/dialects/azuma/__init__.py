"""The dialect of seed 003 (Azuma), at /azuma.

Silences and what was chosen: registering answers 201; the older `POST /user/register` works without an e-mail;
a taken address is ALREADY_EXISTS like a taken name; unknown keys are ignored; names follow the service's own rules.
A new name or password needs a fresh proof, else it is 401 STEP_UP_REQUIRED: log in again, then update. Hardened, a
login fails with the same 401 whether the name is unknown or the password wrong.
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
    """Return what is wanted; null and absent both mean "keep"."""
    return ProfileChange(username=UNSET if body.name is None else body.name)


def show_user(view: AccountView) -> dict[str, str]:
    """Return a user as the document shows him after an update: without the address."""
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
    """Return `{"message": NAME}` with the document's names."""
    known = _MESSAGES.get(problem.status, "BAD_REQUEST")
    message = _SPELLINGS.get(type(problem.error), known)
    response = json_response({"message": message}, problem.status)
    response.headers.extend(problem.headers)
    return response


@blueprint.post("/users")
@blueprint.post("/user/register")
@auth.public
def register() -> Response:
    """Make an account and open its first session."""
    body = read_body(_Registration, forms=False)
    use = services()
    account = use.accounts.register(
        Principal(origin()), NewAccount(body.name, body.password, body.email)
    )
    return _session(use.authentication.of_registration(account, origin()), HTTPStatus.CREATED)


@blueprint.post("/user/login")
@auth.public
def login() -> Response:
    """Open a session."""
    body = read_body(_Login, forms=False)
    try:
        found = services().authentication.by_password(
            body.name, body.password, origin(), known_by=IdentifierType.USERNAME
        )
        return _session(found, HTTPStatus.OK)
    except Unauthenticated as error:
        if not services().exposure.tells_unknown_accounts:
            raise
        raise (NotFound("user") if isinstance(error, UnknownAccount) else Forbidden()) from None


@blueprint.patch("/user/update")
@auth.required
def update() -> Response:
    """Change the caller's name or password."""
    body = read_body(_Update, forms=False)
    view = services().profiles.change(
        current_principal(), read_update(body), password=body.password, fresh_proof_suffices=True
    )
    return json_response(show_user(view))


def _session(principal: Principal, status: HTTPStatus) -> Response:
    return json_response({"token": services().logins.open(principal, TokenKind.UUID).token}, status)


DIALECT = Dialect(name="azuma", prefix="/azuma", blueprints=(blueprint,), spell=spell)
