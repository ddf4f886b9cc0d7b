"""The dialect of NervesHub, at /nerveshub and, for newer clients, at /nerveshub/api.

Where the document is silent:

- A success has its fields at the top level, as in the document, and in `data`, as clients expect.
- A username that is taken is refused in the same way as an email.
- Invalid credentials in a body are the documented 500.
- A request without a valid token or certificate is a 403 with both `status` and `errors`.
- `POST /users/login`, which newer clients call, returns a personal token.
- Where the document says `email`, the username is accepted, too.
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
    """Authenticate the credentials in a body."""
    name = body.email or body.username or ""
    return services().authentication.by_password(
        name, body.password, origin(), known_by=IdentifierType.EITHER
    )


def show_user(username: str, email: str | None, **more: str) -> dict[str, Any]:
    """Return a user; in `data`, clients since 2.1.0 read `name` and older ones `username`."""
    return show({"username": username, "email": email, **more}, name=username)


def show(body: dict[str, Any], **in_data: str) -> dict[str, Any]:
    """Return a body with its fields at the top level and in `data`."""
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
    """Return `errors` as in the document; those of a field are listed under its name."""
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
    """Register an account."""
    body = read_body(_Registration)
    registration = NewAccount(body.username, body.password, body.email)
    account = services().accounts.register(Principal(origin()), registration)
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
    """Check a password and return a personal token."""
    principal = read_principal(read_body(_Credentials))
    view = services().profiles.fetch(principal)
    token = services().logins.open(principal, TokenKind.PERSONAL).token
    return json_response(show_user(view.username, view.email, token=token))


@blueprint.post("/users/sign")
@auth.public
def sign() -> Response:
    """Check a password and sign a certificate."""
    body = read_body(_Signing)
    principal = read_principal(body)
    auth.require_agreement(principal)
    cert = services().certificates.sign(principal, body.csr, body.description)
    return json_response(show({"cert": cert}))


@blueprint.get("/users/me")
@auth.required
def me() -> Response:
    """Show the account of the certificate or token."""
    view = services().profiles.fetch(current_principal())
    return json_response(show_user(view.username, view.email))


DIALECT = Dialect(
    name="nerveshub", prefix="/nerveshub", blueprints=(blueprint,), spell=spell, base="/api"
)
