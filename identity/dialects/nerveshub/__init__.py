"""The dialect of seed 000 (NervesHub), at /nerveshub and, as newer clients have it, at /nerveshub/api.

Silences and what was chosen: a success stands bare, as the document shows it, and in `data`, where real clients
look; a username that is taken is refused like an address; wrong credentials are the documented 500; a request
without a live token or certificate is 403 with both `status` and `errors`. `POST /users/login`, which newer clients
call, answers with a personal token. Either name of a user is accepted where the document says `email`.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from flask import Blueprint, Response, request

from identity.domain.errors import (
    EmailTaken,
    InvalidInput,
    RegistrationRefused,
    StepUpRequired,
    Unauthenticated,
    UsernameTaken,
)
from identity.domain.principal import Principal
from identity.domain.token_kinds import TokenKind
from identity.services.accounts.registration import NewAccount
from identity.services.authentication.identifiers import IdentifierType
from identity.web.context import origin, services
from identity.web.dialect import Dialect
from identity.web.problems import Problem
from identity.web.requests.body import Body, read_body
from identity.web.responses import json_response
from identity.web.verifier import auth, current_principal

blueprint = Blueprint("nerveshub", __name__)


class _Registration(Body):
    username: str
    email: str
    password: str


class _Credentials(Body):
    password: str
    email: str | None = None
    username: str | None = None
    note: str | None = None


class _Signing(_Credentials):
    csr: str
    description: str


def read_principal(body: _Credentials) -> Principal:
    """Return who the credentials in a body are."""
    name = body.email or body.username or ""
    return services().authentication.by_password(
        name, body.password, origin(), known_by=IdentifierType.EITHER
    )


def show_user(username: str, email: str | None, **more: str) -> dict[str, Any]:
    """Return a user, bare and in `data`; clients since 2.1.0 read `name` there, older ones `username`."""
    return show({"username": username, "email": email, **more}, name=username)


def show(body: dict[str, Any], **in_data: str) -> dict[str, Any]:
    """Return a body so that both the document's readers and real clients find it."""
    return {**body, "data": body | in_data}


_AUTHENTICATING: Final = frozenset({"nerveshub.authenticate", "nerveshub.login", "nerveshub.sign"})
_SPELLINGS: Final[dict[type[Exception], tuple[HTTPStatus, dict[str, Any]]]] = {
    EmailTaken: (HTTPStatus.UNPROCESSABLE_ENTITY, {"errors": "email already taken"}),
    UsernameTaken: (HTTPStatus.UNPROCESSABLE_ENTITY, {"errors": "username already taken"}),
    RegistrationRefused: (
        HTTPStatus.FORBIDDEN,
        {"status": "Public signups disabled. Invite required to signup"},
    ),
    StepUpRequired: (
        HTTPStatus.UNAUTHORIZED,
        {"status": "step up required", "errors": StepUpRequired.detail},
    ),
    Unauthenticated: (HTTPStatus.FORBIDDEN, {"status": "forbidden", "errors": "forbidden"}),
}


def spell(problem: Problem) -> Response:
    """Return `errors` in the document's words; a field's problems stand under its name."""
    error = problem.error
    if isinstance(error, Unauthenticated) and request.endpoint in _AUTHENTICATING:
        return json_response({"errors": "authentication_failed"}, HTTPStatus.INTERNAL_SERVER_ERROR)
    if isinstance(error, InvalidInput):
        fields = {each.field: [each.message] for each in error.problems}
        return json_response({"errors": fields}, HTTPStatus.UNPROCESSABLE_ENTITY)
    status, body = next(
        (_SPELLINGS[kind] for kind in type(error).__mro__ if kind in _SPELLINGS),
        (problem.status, {"errors": problem.detail}),
    )
    response = json_response(body, status)
    response.headers.extend(problem.headers)
    return response


@blueprint.post("/users/register")
@auth.public
def register() -> Response:
    """Make an account."""
    body = read_body(_Registration)
    wanted = NewAccount(body.username, body.password, body.email)
    account = services().accounts.register(Principal(origin()), wanted)
    return json_response(show_user(account.username, account.email))


@blueprint.post("/users/auth")
@auth.public
def authenticate() -> Response:
    """Check a password."""
    view = services().profiles.fetch(read_principal(read_body(_Credentials)))
    return json_response(show_user(view.username, view.email))


@blueprint.post("/users/login")
@auth.public
def login() -> Response:
    """Check a password and give a personal token for it."""
    principal = read_principal(read_body(_Credentials))
    view = services().profiles.fetch(principal)
    token = services().logins.open(principal, TokenKind.PERSONAL).token
    return json_response(show_user(view.username, view.email, token=token))


@blueprint.post("/users/sign")
@auth.public
def sign() -> Response:
    """Check a password and sign a certificate for it."""
    body = read_body(_Signing)
    principal = read_principal(body)
    auth.require_agreement(principal)
    cert = services().certificates.sign(principal, body.csr, body.description)
    return json_response(show({"cert": cert}))


@blueprint.get("/users/me")
@auth.required
def me() -> Response:
    """Show the owner of the certificate or token."""
    view = services().profiles.fetch(current_principal())
    return json_response(show_user(view.username, view.email))


DIALECT = Dialect(
    name="nerveshub", prefix="/nerveshub", blueprints=(blueprint,), spell=spell, base="/api"
)
