"""The OpenAPI descriptions of continuous.sh's routes."""

from __future__ import annotations

from typing import Final

from identity.dialects import continuous as routes
from identity.dialects.continuous import _Email, _Login, _Redemption, _Registration, _Update
from identity.web.openapi.dialect_document import Description
from identity.web.openapi.operations import Reply, describes
from identity.web.openapi.responses import Refusals
from identity.web.requests.body import Body


class Registration(_Registration):
    """A registration."""


class Login(_Login):
    """An email and its password."""


class Update(_Update):
    """Changes; absent fields stay unchanged. A new password is sent twice."""


class ResetRequest(_Email):
    """The email to which a token for a new password is sent."""


class Redemption(_Redemption):
    """The mailed token and the new password, twice."""


class Activation(Body):
    """The mailed token; required if the service is hardened."""

    token: str | None = None


class Session(Body):
    """A JWT that other services can verify with the keys at /.well-known/jwks.json."""

    token: str


class Registered(Body):
    """A new user."""

    id: str
    email: str | None


class User(Registered):
    """A user."""

    activated: bool


class Activated(Body):
    """The activation of a user."""

    id: str
    activated: bool


class FieldRefusal(Body):
    """A field and its error."""

    field: str
    message: str


class ProblemDetails(Body):
    """An error (RFC 9457). `code` is stable; `detail` is for people."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    request_id: str
    errors: list[FieldRefusal] | None = None


DESCRIPTION: Final = Description(
    "continuous.sh's users",
    "The calls of continuous.sh's document, with the accounts of this service. A session is a JWT, "
    "valid for an hour; send it as `Authorization: Bearer`. Errors are problems (RFC 9457).",
    Refusals(ProblemDetails),
)

describes(
    "Create a user",
    Reply(201, Registered),
    body=Registration,
    refusals=(401, 429),
    name="create_user",
)(routes.register)
describes("Show a user", Reply(200, User), refusals=(404,), name="show_user")(routes.show)
describes(
    "Activate a user",
    Reply(200, Activated),
    query=Activation,
    refusals=(401, 404, 429),
    name="activate_user",
)(routes.activate)
describes(
    "Change a user's email or password",
    Reply(204),
    body=Update,
    refusals=(401, 403, 404, 409, 429),
    name="update_user",
)(routes.update)
describes(
    "Open a session", Reply(201, Session), body=Login, refusals=(401, 429), name="open_session"
)(routes.login)
describes(
    "Mail a token for a new password",
    Reply(204),
    body=ResetRequest,
    refusals=(404, 429),
    name="request_password_reset",
)(routes.request_reset)
describes(
    "Set a new password with a mailed token",
    Reply(204),
    body=Redemption,
    refusals=(404, 429),
    name="reset_password",
)(routes.reset)
