"""Routes for administrators about the sessions and certificates of other accounts."""

from __future__ import annotations

from flask import Blueprint, Response

from identity.api.responses import answer
from identity.api.schemas.responses import CertificateEntry, Certificates, Session, Sessions
from identity.web.context import services
from identity.web.openapi.operations import Reply, describes
from identity.web.responses import empty
from identity.web.verifier import auth, current_principal

blueprint = Blueprint(
    "admin_credentials", __name__, url_prefix="/api/admin/users/<account:account_id>"
)


@blueprint.get("/sessions")
@auth.required
@describes(
    "List a user's sessions", Reply(200, Sessions), refusals=(403, 404), name="list_user_sessions"
)
def list_sessions(account_id: int) -> Response:
    """Return the valid sessions of a user, newest first."""
    views = services().account_credentials.sessions(current_principal(), account_id)
    return answer(Sessions(sessions=[Session.model_validate(view) for view in views]))


@blueprint.delete("/sessions/<session:session_id>")
@auth.required
@describes("End a user's session", Reply(204), refusals=(403, 404), name="end_user_session")
def end_session(account_id: int, session_id: str) -> Response:
    """Revoke one session of a user and all its tokens."""
    services().account_credentials.end_session(current_principal(), account_id, session_id)
    return empty()


@blueprint.get("/certificates")
@auth.required
@describes(
    "List a user's certificates",
    Reply(200, Certificates),
    refusals=(403, 404),
    name="list_user_certificates",
)
def list_certificates(account_id: int) -> Response:
    """Return the certificates of a user that have not expired, newest first."""
    views = services().account_credentials.certificates(current_principal(), account_id)
    return answer(
        Certificates(certificates=[CertificateEntry.model_validate(view) for view in views])
    )


@blueprint.delete("/certificates/<serial:serial>")
@auth.required
@describes(
    "Revoke a user's certificate",
    Reply(204),
    refusals=(401, 403, 404),
    name="revoke_user_certificate",
)
def revoke_certificate(account_id: int, serial: str) -> Response:
    """Revoke a user's certificate and all that were renewed from it; the user gets a mail."""
    services().account_credentials.revoke_certificate(current_principal(), account_id, serial)
    return empty()
