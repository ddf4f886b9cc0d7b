"""What the OpenAPI document says of Azuma's calls."""

from __future__ import annotations

from typing import Final

from identity.dialects import azuma as page
from identity.dialects.azuma import _Login, _Registration, _Update
from identity.web.openapi.dialect_document import Description
from identity.web.openapi.document import Refusals, Reply, describes
from identity.web.requests.body import JSON_TYPE, Body


class Registration(_Registration):
    """The account that is wanted."""


class Login(_Login):
    """A name and its password."""


class Update(_Update):
    """What to change; null and absent both mean that it stays."""


class Session(Body):
    """The token of a new session."""

    token: str


class User(Body):
    """A user after an update."""

    id: str
    name: str
    created_at: str


class Refusal(Body):
    """Why not, in one word."""

    message: str


DESCRIPTION: Final = Description(
    "Azuma's users",
    "The calls of Azuma's document, over the accounts of this service. A token is a UUID and lives while it is used; "
    "send it as `Authorization: Bearer`. Refusals are one word in `message`.",
    Refusals(Refusal, JSON_TYPE),
)

_NAMES: Final = {"/azuma/users": "registerUser", "/azuma/user/register": "registerUserAsBefore"}

describes(
    "Register a user", Reply(201, Session), body=Registration, refusals=(403, 409, 429), name=_NAMES
)(page.register)
describes("Log in", Reply(200, Session), body=Login, refusals=(401, 403, 404, 429), name="log_in")(
    page.login
)
describes(
    "Change the own name or password",
    Reply(200, User),
    body=Update,
    refusals=(401, 403, 409, 429),
    name="update_user",
)(page.update)
