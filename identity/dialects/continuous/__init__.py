"""The dialect of seed 002 (continuous.sh), at /continuous and at its documented base /continuous/users/api.

Silences and what was chosen: making a user answers 201, opening a session 201; refusals are RFC 9457 problems; two
passwords that differ are 401 where a user is made, 400 elsewhere, and change nothing; a session may be opened before
the account is activated; the JWT lives an hour. `PUT` takes what is given and needs the owner's or an administrator's
credential with a fresh proof, else it is 401 `step_up_required`; anybody else's id is 404. A user made here is called
by his address in the other dialects, where it can be a name. Hardened: users are shown to themselves and to
administrators only, activation needs the mailed `?token=`, and the two calls about passwords answer 204 whether or
not the address is known.
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


class _Address(Body):
    email: str


class _Redemption(_Confirmed):
    email: str
    token: str


def read_password(body: _Confirmed | _Update) -> str | None:
    """Return the new password, if it stands there twice."""
    if body.password != body.password_confirm:
        raise InvalidInput(FieldProblem("password_confirm", "is not the same as password"))
    return body.password


def read_update(body: _Update) -> ProfileChange:
    """Return what is wanted."""
    return ProfileChange(email=UNSET if body.email is None else body.email)


def show_user(view: AccountView) -> dict[str, Any]:
    """Return a user as the document shows him."""
    return {"id": view.uuid, "email": view.email, "activated": view.activated}


# "Creates a new user or returns 401"; "204 or 404".
_STATUSES: Final[dict[str, dict[type[Exception], HTTPStatus]]] = {
    "continuous.register": dict.fromkeys(
        (InvalidInput, Conflict, RegistrationRefused), HTTPStatus.UNAUTHORIZED
    ),
    "continuous.reset": {InvalidToken: HTTPStatus.NOT_FOUND},
    "continuous.activate": {InvalidToken: HTTPStatus.NOT_FOUND},
}


_FIELDS: Final = {"full_name": "fullname"}


def spell(problem: Problem) -> Response:
    """Return an RFC 9457 problem with the document's status; a 401 has its challenges (RFC 9110 section 15.5.2)."""
    statuses = _STATUSES.get(request.endpoint or "", {})
    status = next(
        (known for kind, known in statuses.items() if isinstance(problem.error, kind)),
        problem.status,
    )
    details = {
        "type": "about:blank",
        "title": status.phrase,
        "status": status.value,
        "request_id": request_id(),
    }
    fields = [
        {"field": _FIELDS.get(each.field, each.field), "message": each.message}
        for each in problem.fields
    ]
    detail = "; ".join("{field}: {message}".format(**each) for each in fields) or problem.detail
    body = (
        details | {"code": problem.code, "detail": detail} | ({"errors": fields} if fields else {})
    )
    response = json_response(body, status, kind="application/problem+json")
    response.headers.extend(problem.headers)
    if status is HTTPStatus.UNAUTHORIZED and "WWW-Authenticate" not in response.headers:
        for challenge in CHALLENGES:
            response.headers.add("WWW-Authenticate", challenge)
    return response


@blueprint.post("/users")
@auth.public
def register() -> Response:
    """Make a user."""
    body = read_body(_Registration, forms=False)
    password = read_password(body) or ""
    wanted = NewAccount(None, password, body.email, body.fullname)
    account = services().accounts.register(Principal(origin()), wanted)
    return json_response({"id": account.uuid, "email": account.email}, HTTPStatus.CREATED)


@blueprint.get("/users/<uuid>")
@auth.optional
def show(uuid: str) -> Response:
    """Show a user."""
    return json_response(show_user(services().accounts.public_view(current_principal(), uuid)))


@blueprint.get("/users/<uuid>/activate")
@auth.public
def activate(uuid: str) -> Response:
    """Activate a user, by the mailed token where one is given."""
    token, recovery = request.args.get("token"), services().recovery
    asked = Principal(origin())
    view = (
        recovery.activate_by_id(asked, uuid)
        if token is None
        else recovery.activate(asked, token, uuid=uuid)
    )
    return json_response({"id": view.uuid, "activated": view.activated})


@blueprint.put("/users/<uuid>")
@auth.required
def update(uuid: str) -> Response:
    """Change a user's address or password."""
    body = read_body(_Update, forms=False)
    password, principal, use = read_password(body), current_principal(), services()
    if principal.account.uuid == uuid:
        use.profiles.change(
            principal, read_update(body), password=password, fresh_proof_suffices=True
        )
        return empty()
    if not principal.account.admin:
        raise NotFound("user")
    use.administration.change(principal, Uuid(uuid), read_update(body), password=password)
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
        Principal(origin()), read_body(_Address, forms=False).email
    )
    if not known and not services().exposure.hides_emails:
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
