"""The OpenAPI descriptions of Azuma's routes."""

from __future__ import annotations

from typing import Final

from identity.dialects import azuma as routes
from identity.dialects.azuma import _Login, _Registration, _Update
from identity.web.openapi.dialect_document import Description
from identity.web.openapi.operations import Reply, describes
from identity.web.openapi.responses import Refusals
from identity.web.requests.body import JSON_TYPE, Body


class Registration(_Registration):
    """A registration."""


class Login(_Login):
    """A name and its password."""


class Update(_Update):
    """Changes; a field that is null or absent stays unchanged."""


class Session(Body):
    """The token of a new session."""

    token: str


class User(Body):
    """A user after an update."""

    id: str
    name: str
    created_at: str


class Refusal(Body):
    """An error, as one word."""

    message: str


DESCRIPTION: Final = Description(
    "Azuma's users",
    "The calls of Azuma's document, with the accounts of this service. A token is a UUID and stays "
    "valid while it is used; send it as `Authorization: Bearer`. Errors are one word in `message`.",
    Refusals(Refusal, JSON_TYPE),
)

_NAMES: Final = {"/azuma/users": "registerUser", "/azuma/user/register": "registerUserAsBefore"}

describes(
    "Register a user", Reply(201, Session), body=Registration, refusals=(403, 409, 429), name=_NAMES
)(routes.register)
describes("Log in", Reply(200, Session), body=Login, refusals=(401, 403, 404, 429), name="log_in")(
    routes.login
)
describes(
    "Change your name or password",
    Reply(200, User),
    body=Update,
    refusals=(401, 403, 409, 429),
    name="update_user",
)(routes.update)
