"""The dialect of Wekan, at /wekan.

Where the document is silent:

- As in Wekan, a refused credential below /api is a 200 with Meteor's error object. Every other
  error has its real status, so that clients do not take a duplicate for a new account.
- Deleting a user, creating a token for one and revoking all of their tokens need recent
  authentication.
- Secrets and unknown users are empty objects.
- Names may contain spaces and apostrophes.
- The first account is an administrator.
"""

from __future__ import annotations

import contextlib
from typing import Any, Final

from flask import Blueprint, Response

from identity.dialects.wekan.bodies import (
    Action,
    Login,
    Logout,
    NewUser,
    Registration,
    TokenDeletion,
    read_account,
)
from identity.dialects.wekan.spelling import spell
from identity.domain import errors
from identity.domain.account_ref import ShortId
from identity.domain.principal import Principal
from identity.domain.token_kinds import TokenKind
from identity.domain.views import AccountView
from identity.services.authentication.identifiers import IdentifierType
from identity.web.context import origin, services
from identity.web.dialect import Dialect
from identity.web.requests.body import read_body, read_body_if_any
from identity.web.responses import json_array, json_response, timestamp
from identity.web.verifier import auth, current_principal

blueprint = Blueprint("wekan", __name__)

_TRUE: Final = frozenset({"true", "1", "yes"})  # JSON has a boolean, a form one of these words


def show_own(view: AccountView) -> dict[str, Any]:
    """Return a user document for its own user."""
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
    """Return a user document for an administrator; its secrets are empty objects."""
    return show_own(view) | {"services": {}, "sessionData": {}}


def show_login(principal: Principal) -> Response:
    """Open a session and return its token."""
    login = services().logins.open(principal, TokenKind.OPAQUE)
    return json_response(
        {
            "id": principal.account.short_id,
            "token": login.token,
            "tokenExpires": timestamp(login.expires_at),
        }
    )


@blueprint.post("/users/register")
@auth.public
def register() -> Response:
    """Register an account and log it in."""
    registration = read_account(read_body(Registration))
    account = services().accounts.register(Principal(origin()), registration, first_is_admin=True)
    return show_login(services().authentication.of_registration(account, origin()))


@blueprint.post("/users/login")
@auth.public
def login() -> Response:
    """Log in by username or email."""
    body = read_body(Login)
    identifier = body.username or body.email or ""
    known_by = IdentifierType.USERNAME if body.username else IdentifierType.EMAIL
    return show_login(
        services().authentication.by_password(
            identifier, body.password, origin(), known_by=known_by
        )
    )


@blueprint.post("/users/logout")
@auth.required
def logout() -> Response:
    """Revoke the token that authenticates this request or, with `all`, all of its account."""
    body = read_body_if_any(Logout)
    principal = current_principal()
    if str(body.all).strip().lower() in _TRUE:
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
    pages = services().account_names.all(current_principal())
    return json_array(
        [{"_id": user.short_id, "username": user.username} for user in page] for page in pages
    )


@blueprint.post("/api/users")
@auth.required
def create() -> Response:
    """Create an account as an administrator; the document has two names for the new id."""
    new_account = read_account(read_body(NewUser))
    account = services().accounts.create(current_principal(), new_account, admin=False)
    return json_response({"_id": account.short_id, "id": account.short_id})


@blueprint.get("/api/users/<user_id>")
@auth.required
def show(user_id: str) -> Response:
    """Show a user, by id or else by username."""
    principal = current_principal()
    ref = ShortId(user_id, or_username=True)
    return json_response(show_user(services().account_list.fetch(principal, ref)))


@blueprint.put("/api/users/<user_id>")
@blueprint.put("/api/user/<user_id>")
@auth.required
def act(user_id: str) -> Response:
    """Disable or enable a login. Administrators cannot disable themselves; there are no boards."""
    action = read_body(Action).action
    principal = current_principal()
    administration = services().administration
    ref = ShortId(user_id)
    view = services().account_list.fetch(principal, ref)
    if action == "takeOwnership":
        return json_response([])
    change = administration.disable if action == "disableLogin" else administration.enable
    with contextlib.suppress(errors.OwnAccount):
        view = change(principal, ref)
    return json_response(show_user(view))


@blueprint.delete("/api/users/<user_id>")
@auth.required
def delete(user_id: str) -> Response:
    """Delete a user; the id is returned even if no user has it."""
    principal = current_principal()
    administration = services().administration
    with contextlib.suppress(errors.NotFound):
        administration.delete(principal, ShortId(user_id))
    return json_response({"_id": user_id})


@blueprint.post("/api/createtoken/<user_id>")
@auth.required
def create_token(user_id: str) -> Response:
    """Create a token for a user."""
    principal = current_principal()
    token = services().user_tokens.create(principal, ShortId(user_id), TokenKind.OPAQUE).token
    return json_response({"_id": user_id, "authToken": token})


@blueprint.post("/api/deletetoken")
@auth.required
def delete_token() -> Response:
    """Revoke one token of a user or, without `token`, all of them; the response hides the token."""
    body = read_body(TokenDeletion)
    principal = current_principal()
    if not body.userId:
        return json_response({"message": "Expected a userId to be set but received none."})
    ref = ShortId(body.userId)
    if body.token:
        services().user_tokens.revoke(principal, ref, body.token)
        return json_response({"message": f"Delete token: [hidden] from user: {body.userId}"})
    services().administration.revoke_sessions(principal, ref)
    return json_response({"message": f"Delete all token from user: {body.userId}"})


@blueprint.get("/api/boards")
@blueprint.get("/api/users/<user_id>/boards")
@auth.required
def boards(user_id: str = "") -> Response:  # noqa: ARG001 - no user has boards
    """Return no boards: clients request them, but this service has none."""
    return json_response([])


DIALECT = Dialect("wekan", "/wekan", (blueprint,), spell, query_token="access_token")  # noqa: S106 - a parameter's name
