"""The dialect of continuous.sh, at /continuous and at its documented base /continuous/users/api.

Where the document is silent:

- Creating a user and opening a session are answered with 201.
- Errors are RFC 9457 problems.
- Two passwords that differ are a 401 when a user is created, and a 400 elsewhere.
- A session may be opened before the account is activated. Its JWT is valid for an hour.
- `PUT` changes the fields that are present. It needs recent authentication of the user or of an
  administrator, else it is 401 `step_up_required`. Ids of other users are a 404.
- A user who registers here has their email as username in the other dialects, if it can be one.

Hardened, users are shown to themselves and to administrators only, activation needs the mailed
`?token=`, and the two calls about passwords answer 204 for known and unknown emails.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from flask import Blueprint, Response, request

from identity.domain.account_ref import Uuid
from identity.domain.errors import (
    Conflict,
    FieldProblem,
    InvalidInput,
    InvalidToken,
    NotFound,
    RegistrationRefused,
)
from identity.domain.principal import Principal
from identity.domain.token_kinds import TokenKind
from identity.domain.values import UNSET
from identity.domain.views import AccountView
from identity.services.accounts.changes import ProfileChange
from identity.services.accounts.registration import NewAccount
from identity.services.authentication.identifiers import IdentifierType
from identity.web.context import origin, request_id, services
from identity.web.dialect import Dialect
from identity.web.problems import CHALLENGES, Problem
from identity.web.requests.body import Body, read_body
from identity.web.responses import empty, json_response
from identity.web.verifier import auth, current_principal

blueprint = Blueprint("continuous", __name__)


class _Confirmed(Body):
    password: str
    password_confirm: str


class _Registration(_Confirmed):
    email: str
    fullname: str | None = None


class _Update(Body):
    email: str | None = None
    password: str | None = None
    password_confirm: str | None = None


class _Login(Body):
    email: str
    password: str


class _Email(Body):
    email: str


class _Redemption(_Confirmed):
    email: str
    token: str


def read_password(body: _Confirmed | _Update) -> str | None:
    """Return the new password, if both fields contain it."""
    if body.password != body.password_confirm:
        raise InvalidInput(FieldProblem("password_confirm", "does not match password"))
    return body.password


def read_update(body: _Update) -> ProfileChange:
    """Return the changes."""
    return ProfileChange(email=UNSET if body.email is None else body.email)


def show_user(view: AccountView) -> dict[str, Any]:
    """Return a user as the document shows it."""
    return {"id": view.uuid, "email": view.email, "activated": view.activated}


# The document has 401 for any failed registration, and 404 for the tokens of these calls.
_STATUSES: Final[dict[str, dict[type[Exception], HTTPStatus]]] = {
    "continuous.register": dict.fromkeys(
        (InvalidInput, Conflict, RegistrationRefused), HTTPStatus.UNAUTHORIZED
    ),
    "continuous.reset": {InvalidToken: HTTPStatus.NOT_FOUND},
    "continuous.activate": {InvalidToken: HTTPStatus.NOT_FOUND},
}


_FIELDS: Final = {"full_name": "fullname"}


def spell(problem: Problem) -> Response:
    """Return an RFC 9457 problem with the document's status.

    A 401 always has challenges (RFC 9110 section 15.5.2).
    """
    statuses = _STATUSES.get(request.endpoint or "", {})
    status = next(
        (own for kind, own in statuses.items() if isinstance(problem.error, kind)),
        problem.status,
    )
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": status.phrase,
        "status": status.value,
        "request_id": request_id(),
        "code": problem.code,
        "detail": problem.detail,
    }
    if problem.fields:
        fields = [
            {"field": _FIELDS.get(each.field, each.field), "message": each.message}
            for each in problem.fields
        ]
        body["errors"] = fields
        body["detail"] = "; ".join("{field}: {message}".format(**each) for each in fields)
    response = json_response(body, status, kind="application/problem+json")
    response.headers.extend(problem.headers)
    if status is HTTPStatus.UNAUTHORIZED and "WWW-Authenticate" not in response.headers:
        for challenge in CHALLENGES:
            response.headers.add("WWW-Authenticate", challenge)
    return response


@blueprint.post("/users")
@auth.public
def register() -> Response:
    """Create a user."""
    body = read_body(_Registration, forms=False)
    password = read_password(body) or ""
    registration = NewAccount(None, password, body.email, body.fullname)
    account = services().accounts.register(Principal(origin()), registration)
    return json_response({"id": account.uuid, "email": account.email}, HTTPStatus.CREATED)


@blueprint.get("/users/<uuid>")
@auth.optional
def show(uuid: str) -> Response:
    """Show a user."""
    return json_response(show_user(services().public_accounts.view(current_principal(), uuid)))


@blueprint.get("/users/<uuid>/activate")
@auth.public
def activate(uuid: str) -> Response:
    """Activate a user, with the mailed token if there is one."""
    activation = services().activation
    principal = Principal(origin())
    token = request.args.get("token")
    if token is None:
        return _activated(activation.activate_by_id(principal, uuid))
    return _activated(activation.activate(principal, token, uuid=uuid))


def _activated(view: AccountView) -> Response:
    return json_response({"id": view.uuid, "activated": view.activated})


@blueprint.put("/users/<uuid>")
@auth.required
def update(uuid: str) -> Response:
    """Change a user's email or password."""
    body = read_body(_Update, forms=False)
    password = read_password(body)
    principal = current_principal()
    if principal.account.uuid == uuid:
        services().profiles.change(
            principal, read_update(body), password=password, recent_authentication_suffices=True
        )
        return empty()
    if not principal.account.admin:
        raise NotFound("user")
    services().administration.change(principal, Uuid(uuid), read_update(body), password=password)
    return empty()


@blueprint.post("/sessions")
@auth.public
def login() -> Response:
    """Open a session."""
    body = read_body(_Login, forms=False)
    principal = services().authentication.by_password(
        body.email, body.password, origin(), known_by=IdentifierType.EMAIL
    )
    return json_response(
        {"token": services().logins.open(principal, TokenKind.JWT).token}, HTTPStatus.CREATED
    )


@blueprint.post("/passwords/reset")
@auth.public
def request_reset() -> Response:
    """Mail a token for a new password."""
    known = services().recovery.request_reset(
        Principal(origin()), read_body(_Email, forms=False).email
    )
    # The exposure is asked first, so that both cases take the same steps.
    if not services().exposure.hides_emails and not known:
        raise NotFound("user")
    return empty()


@blueprint.post("/passwords")
@auth.public
def reset() -> Response:
    """Set a new password with a mailed token."""
    body = read_body(_Redemption, forms=False)
    try:
        services().recovery.reset(
            Principal(origin()), body.token, read_password(body) or "", email=body.email
        )
    except InvalidToken:
        if not services().exposure.hides_emails:
            raise
    return empty()


DIALECT = Dialect(
    name="continuous", prefix="/continuous", blueprints=(blueprint,), spell=spell, base="/users/api"
)
