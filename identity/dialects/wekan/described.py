"""The OpenAPI descriptions of Wekan's routes."""

from __future__ import annotations

from typing import Any, Final

from pydantic import Field, RootModel

from identity.dialects import wekan as routes
from identity.dialects.wekan.bodies import (
    Action,
    Login,
    Logout,
    NewUser,
    Registration,
    TokenDeletion,
)
from identity.web.openapi.dialect_document import Description
from identity.web.openapi.operations import Reply, describes
from identity.web.openapi.responses import Refusals
from identity.web.requests.body import JSON_TYPE, Body


class Session(Body):
    """A token, valid for 90 days."""

    id: str
    token: str
    tokenExpires: str


class Email(Body):
    """An email, and whether it is confirmed."""

    address: str
    verified: bool


class OwnUser(Body):
    """A user's own account."""

    id_: str = Field(alias="_id")
    username: str
    createdAt: str
    modifiedAt: str
    emails: list[Email]
    profile: dict[str, str]
    isAdmin: bool
    loginDisabled: bool
    authenticationMethod: str
    boards: list[Any]
    orgs: list[Any]
    teams: list[Any]


class User(OwnUser):
    """A user, for administrators; secrets are empty."""

    services: dict[str, Any]
    sessionData: dict[str, Any]


class UserEntry(Body):
    """A user in a list."""

    id_: str = Field(alias="_id")
    username: str


class Deleted(Body):
    """The id in the request."""

    id_: str = Field(alias="_id")


class Created(Deleted):
    """The new user's id, under two names."""

    id: str


class UserToken(Deleted):
    """A token of a user."""

    authToken: str


class Message(Body):
    """The result, as a text."""

    message: str


class Nothing(Body):
    """An empty object: there is no such user."""


class MeteorError(Body):
    """The credential is refused; below /api with the status 200."""

    isClientSafe: bool
    errorType: str
    statusCode: int
    error: str
    reason: str
    message: str


class Refusal(Body):
    """An error: Meteor's code, a number or a word, and its reason."""

    error: int | str
    reason: str


class UserList(RootModel[list[UserEntry]]):
    """All users."""


class Boards(RootModel[list[Any]]):
    """An empty list: this service has no boards."""


DESCRIPTION: Final = Description(
    "Wekan's users",
    "The calls about users of Wekan's document, with the accounts of this service. Log in at "
    "`/users/login` and send the token as `Authorization: Bearer`, or as the query parameter "
    "`access_token`. As in Wekan, a refused credential below `/api` is a 200 with Meteor's error "
    "object, and an unknown user is a 200 with an empty object.",
    Refusals(Refusal, JSON_TYPE, access={"required": (401, 429, 503)}),
)
_REFUSED: Final = Reply(200, MeteorError)
_UNKNOWN: Final = Reply(200, Nothing)
_ACTIONS: Final = {
    "/wekan/api/users/<user_id>": "changeUser",
    "/wekan/api/user/<user_id>": "changeUserAsBefore",
}
_BOARDS: Final = {
    "/wekan/api/boards": "listBoards",
    "/wekan/api/users/<user_id>/boards": "listUserBoards",
}

describes(
    "Register and log in",
    Reply(200, Session),
    body=Registration,
    refusals=(429,),
    name="register_user",
)(routes.register)
describes("Log in", Reply(200, Session), body=Login, refusals=(401, 429), name="log_in")(
    routes.login
)
describes("Log out", Reply(200, Message), body=Logout, name="log_out")(routes.logout)
describes("Show your account", Reply(200, OwnUser), _REFUSED, name="show_own_account")(routes.own)
describes("List all users", Reply(200, UserList), _REFUSED, name="list_users")(routes.list_users)
describes("Create a user", Reply(200, Created), _REFUSED, body=NewUser, name="create_user")(
    routes.create
)
describes("Show a user", Reply(200, User), _REFUSED, _UNKNOWN, name="show_user")(routes.show)
describes(
    "Disable or enable a user",
    Reply(200, User),
    Reply(200, Boards),
    _REFUSED,
    _UNKNOWN,
    body=Action,
    name=_ACTIONS,
)(routes.act)
describes("Delete a user", Reply(200, Deleted), _REFUSED, name="delete_user")(routes.delete)
describes(
    "Create a token for a user", Reply(200, UserToken), _REFUSED, _UNKNOWN, name="create_token"
)(routes.create_token)
describes(
    "Revoke tokens of a user",
    Reply(200, Message),
    _REFUSED,
    _UNKNOWN,
    body=TokenDeletion,
    name="delete_tokens",
)(routes.delete_token)
describes("List boards", Reply(200, Boards), _REFUSED, name=_BOARDS)(routes.boards)
