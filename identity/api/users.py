"""Users: registration and public names as in Certifire, and the caller's own account."""

from __future__ import annotations

from flask import Blueprint, Response

from identity.api.problems import Duplicate
from identity.api.responses import answer, located, require_change
from identity.api.schemas.requests import NewUser, OwnUpdate
from identity.api.schemas.responses import Name, Profile
from identity.services.accounts.registration import NewAccount
from identity.web.context import services
from identity.web.openapi.operations import Reply, describes
from identity.web.requests.body import read_body
from identity.web.responses import empty, json_response
from identity.web.verifier import auth, current_principal

blueprint = Blueprint("users", __name__)


@blueprint.post("/api/users")
@auth.optional
@describes(
    "Register an account",
    Reply(201, Name, headers=("Location",)),
    Reply(400, Duplicate),
    body=NewUser,
    name="register_user",
)
def register() -> Response:
    """Register an account (Certifire); the body is JSON or a form."""
    body = read_body(NewUser)
    registration = NewAccount(body.username, body.password, body.email, body.full_name)
    account = services().accounts.register(current_principal(), registration)
    return located(json_response({"username": account.username}, 201), f"/api/users/{account.id}")


@blueprint.get("/api/users/<account:account_id>")
@auth.optional
@describes("Show a user's name", Reply(200, Name), refusals=(404,), name="show_user_name")
def show(account_id: int) -> Response:
    """Return a user's name (Certifire) to any caller or, hardened, to authenticated ones."""
    name = services().public_accounts.name(current_principal(), account_id)
    return json_response({"username": name})


@blueprint.get("/api/users/me")
@auth.required
@describes("Show your account", Reply(200, Profile), name="show_own_account")
def me() -> Response:
    """Return the caller's own account."""
    return answer(Profile.model_validate(services().profiles.fetch(current_principal())))


@blueprint.patch("/api/users/me")
@auth.required
@describes(
    "Change your account",
    Reply(200, Profile),
    body=OwnUpdate,
    refusals=(401, 403, 409),
    name="change_own_account",
)
def change_me() -> Response:
    """Change the caller's names, email or, with `current_password`, the password."""
    body = read_body(OwnUpdate)
    require_change(body.model_fields_set)
    view = services().profiles.change(
        current_principal(),
        body.profile_change(),
        password=body.password,
        current_password=body.current_password,
    )
    return answer(Profile.model_validate(view))


@blueprint.delete("/api/users/me")
@auth.required
@describes("Delete your account", Reply(204), refusals=(401, 403, 409), name="delete_own_account")
def delete_me() -> Response:
    """Delete the caller's own account and its data."""
    services().profiles.delete(current_principal())
    return empty()
