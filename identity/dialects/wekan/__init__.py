"""The dialect of seed 001 (Wekan), at /wekan.

Silences and what was chosen: as upstream, a credential refused under /api is 200 with Meteor's error object; every
other refusal has its real status, so that a duplicate never passes for an account. Deleting, a token for another user
and ending all of theirs need a fresh proof. Secrets and unknown users are empty. Names may hold spaces and
apostrophes; the first account is admin.
"""

from __future__ import annotations

import contextlib
from http import HTTPStatus
from typing import Any, Final, Literal

from flask import Blueprint, Response, request
from pydantic import ConfigDict

from identity.domain import errors
from identity.domain.account_ref import ShortId
from identity.domain.principal import Principal
from identity.domain.token_kinds import TokenKind
from identity.domain.views import AccountView
from identity.services.accounts.registration import NewAccount
from identity.services.authentication.identifiers import IdentifierType
from identity.web.context import origin, services
from identity.web.dialect import Dialect
from identity.web.problems import BadRequest, Problem
from identity.web.requests.body import Body, read_body, read_body_if_any
from identity.web.responses import empty, json_array, json_response, timestamp
from identity.web.verifier import auth, current_principal

blueprint = Blueprint("wekan", __name__)


class _Registration(Body):
    model_config = ConfigDict(extra="forbid")

    password: str
    username: str | None = None
    email: str | None = None


class _NewUser(_Registration):
    fromAdmin: Any = None  # noqa: N815 - the document's word; it gives no rights


class _Login(Body):
    password: str
    username: str | None = None
    email: str | None = None


class _Logout(Body):
    all: bool | int | str | None = None


class _Deletion(Body):
    userId: str | None = None  # noqa: N815 - the document's word
    token: str | None = None


class _Action(Body):
    action: Literal["disableLogin", "enableLogin", "takeOwnership"]


def read_account(body: _Registration) -> NewAccount:
    """Return the account somebody wants."""
    if not body.username and not body.email:
        raise BadRequest("Need to set a username or email")
    return NewAccount(body.username or None, body.password, body.email or None, personal_name=True)


def show_own(view: AccountView) -> dict[str, Any]:
    """Return a user document as its owner sees it."""
    return {
        "_id": view.short_id,
        "username": view.username,
        "createdAt": timestamp(view.created_at),
        "modifiedAt": timestamp(view.updated_at),
        "emails": [{"address": view.email, "verified": view.email_verified}] if view.email else [],
        "profile": {"fullname": view.full_name} if view.full_name else {},
        "isAdmin": view.admin,
        "loginDisabled": view.disabled,
        "authenticationMethod": "password",
    } | {"boards": [], "orgs": [], "teams": []}


def show_user(view: AccountView) -> dict[str, Any]:
    """Return a user document as an administrator sees it: its secrets are keys without content."""
    return show_own(view) | {"services": {}, "sessionData": {}}


def show_login(principal: Principal) -> Response:
    """Open a session and return its token."""
    login, own_id = services().logins.open(principal, TokenKind.OPAQUE), principal.account.short_id
    return json_response(
        {"id": own_id, "token": login.token, "tokenExpires": timestamp(login.expires_at)}
    )


# Meteor's own code and reason for each fact; a code may be a number or a word.
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
    errors.Unauthenticated: "You must be logged in to log out. Send your token as an Authorization: Bearer header.",
    errors.NoSession: "No login token found on the request.",
}


def spell(problem: Problem) -> Response:
    """Return Meteor's error object."""
    error = problem.error
    meteor = request.path.startswith("/wekan/api")
    if request.endpoint == "wekan.register" and isinstance(
        error, errors.Unauthenticated | errors.RegistrationRefused
    ):
        return empty(HTTPStatus.FORBIDDEN)
    if isinstance(error, errors.NotFound):
        return json_response({})
    if request.endpoint == "wekan.logout" and (reason := _LOGGED_OUT.get(type(error))):
        return json_response({"error": "unauthorized", "reason": reason}, HTTPStatus.UNAUTHORIZED)
    if meteor and isinstance(error, errors.Unauthenticated | errors.Forbidden):
        word = "Unauthorized" if isinstance(error, errors.Unauthenticated) else "Forbidden"
        fixed = {
            "isClientSafe": True,
            "errorType": "Meteor.Error",
            "statusCode": problem.status.value,
        }
        return json_response(
            {**fixed, "error": word, "reason": word, "message": f"{word} [{word}]"}
        )
    known = (_SPELLINGS[kind] for kind in type(error).__mro__ if kind in _SPELLINGS)
    unnamed = problem.status.value if type(error) is BadRequest else problem.code
    status, code, reason = next(known, (problem.status, unnamed, problem.detail))
    response = json_response({"error": code, "reason": reason}, status)
    response.headers.extend(problem.headers)
    return response


@blueprint.post("/users/register")
@auth.public
def register() -> Response:
    """Make an account and log it in."""
    wanted = read_account(read_body(_Registration))
    account = services().accounts.register(Principal(origin()), wanted, first_is_admin=True)
    return show_login(services().authentication.of_registration(account, origin()))


@blueprint.post("/users/login")
@auth.public
def login() -> Response:
    """Log in by username or address."""
    body = read_body(_Login)
    name, known_by = (
        (body.username, IdentifierType.USERNAME)
        if body.username
        else (body.email or "", IdentifierType.EMAIL)
    )
    return show_login(
        services().authentication.by_password(name, body.password, origin(), known_by=known_by)
    )


@blueprint.post("/users/logout")
@auth.required
def logout() -> Response:
    """End the token that makes this request or, with `all`, every token of its owner."""
    wanted, principal = read_body_if_any(_Logout), current_principal()
    if str(wanted.all).strip().lower() in {
        "true",
        "1",
        "yes",
    }:  # a switch in JSON, a word in a form
        services().tokens.revoke_all(principal)
        return json_response({"message": "All login tokens have been invalidated."})
    services().tokens.revoke_current(principal)
    return json_response({"message": "You've been logged out!"})


@blueprint.get("/api/user")
@auth.required
def own() -> Response:
    """Show the caller."""
    return json_response(show_own(services().profiles.fetch(current_principal())))


@blueprint.get("/api/users")
@auth.required
def list_users() -> Response:
    """List all users."""
    pieces = services().account_names.all(current_principal())
    return json_array(
        [{"_id": user.short_id, "username": user.username} for user in piece] for piece in pieces
    )


@blueprint.post("/api/users")
@auth.required
def create() -> Response:
    """Make an account as an administrator; the new id stands under both names the document gives it."""
    wanted = read_account(read_body(_NewUser))
    account = services().accounts.create(current_principal(), wanted, admin=False)
    return json_response({"_id": account.short_id, "id": account.short_id})


@blueprint.get("/api/users/<user_id>")
@auth.required
def show(user_id: str) -> Response:
    """Show a user, by id or else by username."""
    principal, administration = current_principal(), services().administration
    ref = ShortId(user_id, or_username=True)
    return json_response(show_user(administration.fetch(principal, ref)))


@blueprint.put("/api/users/<user_id>")
@blueprint.put("/api/user/<user_id>")
@auth.required
def act(user_id: str) -> Response:
    """Disable or enable a login; disabling oneself changes nothing, and nobody owns boards here."""
    action = read_body(_Action).action
    principal, administration, ref = (
        current_principal(),
        services().administration,
        ShortId(user_id),
    )
    known = administration.fetch(principal, ref)
    if action == "takeOwnership":
        return json_response([])
    change = administration.disable if action == "disableLogin" else administration.enable
    with contextlib.suppress(errors.OwnAccount):
        known = change(principal, ref)
    return json_response(show_user(known))


@blueprint.delete("/api/users/<user_id>")
@auth.required
def delete(user_id: str) -> Response:
    """Delete a user; the id is returned even if nobody had it."""
    principal, administration = current_principal(), services().administration
    with contextlib.suppress(errors.NotFound):
        administration.delete(principal, ShortId(user_id))
    return json_response({"_id": user_id})


@blueprint.post("/api/createtoken/<user_id>")
@auth.required
def create_token(user_id: str) -> Response:
    """Make a token for a user."""
    principal, use = current_principal(), services()
    token = use.user_tokens.create(principal, ShortId(user_id), TokenKind.OPAQUE).token
    return json_response({"_id": user_id, "authToken": token})


@blueprint.post("/api/deletetoken")
@auth.required
def delete_token() -> Response:
    """End a token of a user or, where none is named, all of theirs; the token is not repeated in the answer."""
    body, principal, use = read_body(_Deletion), current_principal(), services()
    if not body.userId:
        return json_response({"message": "Expected a userId to be set but received none."})
    ref = ShortId(body.userId)
    if body.token:
        use.user_tokens.revoke(principal, ref, body.token)
        return json_response({"message": f"Delete token: [hidden] from user: {body.userId}"})
    use.administration.revoke_sessions(principal, ref)
    return json_response({"message": f"Delete all token from user: {body.userId}"})


@blueprint.get("/api/boards")
@blueprint.get("/api/users/<user_id>/boards")
@auth.required
def boards(user_id: str = "") -> Response:  # noqa: ARG001 - nobody here has boards
    """Return no boards: clients ask for them, this service has none."""
    return json_response([])


DIALECT = Dialect("wekan", "/wekan", (blueprint,), spell, query_token="access_token")  # noqa: S106 - a parameter's name
