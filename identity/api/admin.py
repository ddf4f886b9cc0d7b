"""Routes for administrators; the use cases behind them refuse other callers."""

from __future__ import annotations

from flask import Blueprint, Response

from identity.api.responses import answer, located, require_change
from identity.api.schemas.requests import (
    AuditQuery,
    Invitation,
    NewUserByAdmin,
    UpdateByAdmin,
    UserQuery,
)
from identity.api.schemas.responses import AuditEntry, AuditLog, OutboxCounts, User, Users
from identity.domain.views import AccountView
from identity.services.accounts.registration import NewAccount
from identity.services.administration.audit_query import AuditFilter
from identity.web.context import services
from identity.web.openapi.operations import Reply, describes
from identity.web.requests.body import read_body
from identity.web.requests.query import read_query
from identity.web.responses import empty
from identity.web.verifier import auth, current_principal

blueprint = Blueprint("admin", __name__, url_prefix="/api/admin")
_PAGE_MAX = 200


@blueprint.get("/users")
@auth.required
@describes("List users", Reply(200, Users), query=UserQuery, refusals=(403,))
def list_users() -> Response:
    """Return users, newest first."""
    query = read_query(UserQuery)
    page = services().account_list.page(
        current_principal(),
        search=query.search,
        cursor=query.cursor,
        limit=min(query.limit, _PAGE_MAX),
    )
    return answer(
        Users(users=[User.model_validate(view) for view in page.items], cursor=page.cursor)
    )


@blueprint.post("/users")
@auth.required
@describes(
    "Create a user",
    Reply(201, User, headers=("Location",)),
    body=NewUserByAdmin,
    refusals=(401, 403, 409),
)
def create_user() -> Response:
    """Create an account, independent of the registration mode."""
    body = read_body(NewUserByAdmin)
    account = NewAccount(
        body.username,
        body.password,
        body.email,
        body.full_name,
        must_change_password=body.must_change_password,
    )
    view = services().accounts.create(current_principal(), account, admin=body.admin)
    return located(_user(view, 201), f"/api/admin/users/{view.id}")


@blueprint.post("/invitations")
@auth.required
@describes(
    "Invite a user by mail",
    Reply(201, User, headers=("Location",)),
    body=Invitation,
    refusals=(401, 403, 409),
    name="invite_user",
)
def invite() -> Response:
    """Create an account, and mail a link that sets its password once."""
    body = read_body(Invitation)
    view = services().invitations.invite(
        current_principal(),
        body.email,
        username=body.username,
        full_name=body.full_name,
        admin=body.admin,
    )
    return located(_user(view, 201), f"/api/admin/users/{view.id}")


@blueprint.get("/users/<account:account_id>")
@auth.required
@describes("Show a user", Reply(200, User), refusals=(403, 404))
def show_user(account_id: int) -> Response:
    """Return one account."""
    return _user(services().account_list.fetch(current_principal(), account_id))


@blueprint.patch("/users/<account:account_id>")
@auth.required
@describes("Change a user", Reply(200, User), body=UpdateByAdmin, refusals=(401, 403, 404, 409))
def change_user(account_id: int) -> Response:
    """Change an account. A new password invalidates its credentials."""
    body = read_body(UpdateByAdmin)
    require_change(body.model_fields_set)
    view = services().administration.change(
        current_principal(),
        account_id,
        body.profile_change(),
        admin=body.admin,
        password=body.password,
        must_change=body.must_change_password,
    )
    return _user(view)


@blueprint.delete("/users/<account:account_id>")
@auth.required
@describes("Delete a user", Reply(204), refusals=(401, 403, 404, 409))
def delete_user(account_id: int) -> Response:
    """Delete an account and its data."""
    services().administration.delete(current_principal(), account_id)
    return empty()


@blueprint.post("/users/<account:account_id>/disable")
@auth.required
@describes("Disable a user", Reply(200, User), refusals=(403, 404, 409))
def disable_user(account_id: int) -> Response:
    """Refuse every credential of an account until it is enabled again."""
    return _user(services().administration.disable(current_principal(), account_id))


@blueprint.post("/users/<account:account_id>/enable")
@auth.required
@describes("Enable a user", Reply(200, User), refusals=(403, 404))
def enable_user(account_id: int) -> Response:
    """Allow an account to log in again."""
    return _user(services().administration.enable(current_principal(), account_id))


@blueprint.post("/users/<account:account_id>/unlock")
@auth.required
@describes("Unlock a user", Reply(200, User), refusals=(403, 404))
def unlock_user(account_id: int) -> Response:
    """Clear the failed attempts for the names of an account."""
    return _user(services().administration.unlock(current_principal(), account_id))


@blueprint.post("/users/<account:account_id>/revoke")
@auth.required
@describes(
    "End all sessions of a user",
    Reply(200, User),
    refusals=(401, 403, 404),
    name="end_user_sessions",
)
def revoke_user(account_id: int) -> Response:
    """Revoke all sessions of an account; the password stays valid."""
    return _user(services().administration.revoke_sessions(current_principal(), account_id))


@blueprint.get("/outbox")
@auth.required
@describes(
    "Show the state of the outbox", Reply(200, OutboxCounts), refusals=(403,), name="show_outbox"
)
def outbox() -> Response:
    """Return how many mails are waiting, sent and parked."""
    return answer(
        OutboxCounts.model_validate(services().administration.outbox(current_principal()))
    )


@blueprint.get("/audit")
@auth.required
@describes(
    "Read the audit log",
    Reply(200, AuditLog),
    query=AuditQuery,
    refusals=(403,),
    name="list_audit_events",
)
def audit() -> Response:
    """Return events, newest first."""
    query = read_query(AuditQuery)
    filters = AuditFilter(**query.model_dump(exclude={"cursor", "limit"}))
    page = services().audit.list(
        current_principal(), filters, cursor=query.cursor, limit=min(query.limit, _PAGE_MAX)
    )
    return answer(
        AuditLog(
            events=[AuditEntry.model_validate(view) for view in page.items], cursor=page.cursor
        )
    )


def _user(view: AccountView, status: int = 200) -> Response:
    return answer(User.model_validate(view), status)
