"""Email confirmation and password reset with mailed tokens, and password changes."""

from __future__ import annotations

from flask import Blueprint, Response

from identity.api.responses import answer
from identity.api.schemas.requests import OneTimeToken, PasswordChange, Redemption, ResetRequest
from identity.api.schemas.responses import Name
from identity.domain.principal import Principal
from identity.web.context import origin, services
from identity.web.openapi.operations import Reply, describes
from identity.web.requests.body import read_body
from identity.web.responses import empty
from identity.web.verifier import auth

blueprint = Blueprint("recovery", __name__)


@blueprint.post("/api/activations")
@auth.public
@describes(
    "Confirm an email", Reply(200, Name), body=OneTimeToken, refusals=(503,), name="confirm_email"
)
def activate() -> Response:
    """Confirm the email that a mailed token was sent to."""
    token = read_body(OneTimeToken).token
    return answer(Name.model_validate(services().activation.activate(Principal(origin()), token)))


@blueprint.post("/api/password-changes")
@auth.public
@describes(
    "Change a password with the current one",
    Reply(204),
    body=PasswordChange,
    refusals=(401, 429, 503),
    name="replace_password",
)
def change_password() -> Response:
    """Replace a password, even one that must be changed; invalidates the account's credentials."""
    body = read_body(PasswordChange)
    services().profiles.replace_password(
        body.username, body.current_password, new=body.password, origin=origin()
    )
    return empty()


@blueprint.post("/api/password-resets")
@auth.public
@describes(
    "Request a password reset",
    Reply(204),
    body=ResetRequest,
    refusals=(429, 503),
    name="request_password_reset",
)
def request_reset() -> Response:
    """Mail a token to the account with this email; the response is the same if there is none."""
    services().recovery.request_reset(Principal(origin()), read_body(ResetRequest).email)
    return empty()


@blueprint.post("/api/password-resets/redeem")
@auth.public
@describes(
    "Choose a new password",
    Reply(204),
    body=Redemption,
    refusals=(503,),
    name="redeem_password_reset",
)
def redeem() -> Response:
    """Set a new password with a mailed token; invalidates the account's credentials."""
    body = read_body(Redemption)
    services().recovery.reset(Principal(origin()), body.token, body.password)
    return empty()
