"""What the OpenAPI document says of continuous.sh's calls."""

from __future__ import annotations

from typing import Final

from identity.dialects import continuous as page
from identity.dialects.continuous import _Address, _Login, _Redemption, _Registration, _Update
from identity.web.openapi.dialect_document import Description
from identity.web.openapi.document import Refusals, Reply, describes
from identity.web.requests.body import Body


class Registration(_Registration):
    """The user that is wanted."""


class Login(_Login):
    """An email address and its password."""


class Update(_Update):
    """What to change; what is absent stays. A new password stands there twice."""


class ResetRequest(_Address):
    """Where to mail a token for a new password."""


class Redemption(_Redemption):
    """The mailed token and the new password, twice."""


class Activation(Body):
    """The token out of the mail; needed where the service is hardened."""

    token: str | None = None


class Session(Body):
    """A JWT that others can check by the keys at /.well-known/jwks.json."""

    token: str


class Registered(Body):
    """A new user."""

    id: str
    email: str | None


class User(Registered):
    """A user."""

    activated: bool


class Activated(Body):
    """Whether the user is activated now."""

    id: str
    activated: bool


class FieldRefusal(Body):
    """One field and what is wrong with it."""

    field: str
    message: str


class ProblemDetails(Body):
    """A refusal (RFC 9457). `code` is stable; `detail` is for people."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    request_id: str
    errors: list[FieldRefusal] | None = None


DESCRIPTION: Final = Description(
    "continuous.sh's users",
    "The calls of continuous.sh's document, over the accounts of this service. A session is a JWT of an hour; send it "
    "as `Authorization: Bearer`. Refusals are problems (RFC 9457).",
    Refusals(ProblemDetails),
)

describes(
    "Make a user",
    Reply(201, Registered),
    body=Registration,
    refusals=(401, 429),
    name="create_user",
)(page.register)
describes("Show a user", Reply(200, User), refusals=(404,), name="show_user")(page.show)
describes(
    "Activate a user",
    Reply(200, Activated),
    query=Activation,
    refusals=(401, 404, 429),
    name="activate_user",
)(page.activate)
describes(
    "Change a user's email address or password",
    Reply(204),
    body=Update,
    refusals=(401, 403, 404, 409, 429),
    name="update_user",
)(page.update)
describes(
    "Open a session", Reply(201, Session), body=Login, refusals=(401, 429), name="open_session"
)(page.login)
describes(
    "Mail a token for a new password",
    Reply(204),
    body=ResetRequest,
    refusals=(404, 429),
    name="request_password_reset",
)(page.request_reset)
describes(
    "Set a new password with a mailed token",
    Reply(204),
    body=Redemption,
    refusals=(404, 429),
    name="reset_password",
)(page.reset)
