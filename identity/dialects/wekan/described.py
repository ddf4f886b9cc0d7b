"""What the OpenAPI document says of Wekan's calls."""

from __future__ import annotations

from typing import Any, Final

from pydantic import Field, RootModel

from identity.dialects import wekan as page
from identity.dialects.wekan import _Action, _Deletion, _Login, _Logout, _NewUser, _Registration
from identity.web.openapi.dialect_document import Description
from identity.web.openapi.document import Refusals, Reply, describes
from identity.web.requests.body import JSON_TYPE, Body


class Registration(_Registration):
    """The account that is wanted, by username, email address or both."""


class NewUser(_NewUser):
    """The account that an administrator makes."""


class Login(_Login):
    """A username or an email address, and its password."""


class Logout(_Logout):
    """Whether every token of the caller ends; nothing ends the one that asks."""


class Action(_Action):
    """What to do with the user."""


class TokenDeletion(_Deletion):
    """Which token of which user to end; without a token, all of them."""


class Session(Body):
    """A token of 90 days."""

    id: str
    token: str
    tokenExpires: str


class Email(Body):
    """An email address, and whether it is confirmed."""

    address: str
    verified: bool


class OwnUser(Body):
    """A user, as that user sees it."""

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
    """A user, as an administrator sees it: what would be secret is empty."""

    services: dict[str, Any]
    sessionData: dict[str, Any]


class UserEntry(Body):
    """A user in a list."""

    id_: str = Field(alias="_id")
    username: str


class Deleted(Body):
    """The id that was asked for."""

    id_: str = Field(alias="_id")


class Created(Deleted):
    """The new user's id, under both names that it goes by."""

    id: str


class UserToken(Deleted):
    """A token of a user."""

    authToken: str


class Message(Body):
    """What was done."""

    message: str


class Nothing(Body):
    """There is no such user."""


class MeteorError(Body):
    """The credential is refused: below /api this stands in a 200."""

    isClientSafe: bool
    errorType: str
    statusCode: int
    error: str
    reason: str
    message: str


class Refusal(Body):
    """Why not: Meteor's code, a number or a word, and its reason."""

    error: int | str
    reason: str


class UserList(RootModel[list[UserEntry]]):
    """Every user."""


class Boards(RootModel[list[Any]]):
    """No boards: this service has none."""


DESCRIPTION: Final = Description(
    "Wekan's users",
    "The calls of Wekan's document about users, over the accounts of this service. Log in at `/users/login` and send "
    "the token as `Authorization: Bearer`, or in the query as `access_token`. As upstream, a credential that is "
    "refused below `/api` is a 200 with Meteor's error object, and an unknown user is a 200 with an empty object.",
    Refusals(Refusal, JSON_TYPE, access={"required": (401, 429, 503)}),
)
_REFUSED: Final = Reply(200, MeteorError)
_UNKNOWN: Final = Reply(200, Nothing)
_TWICE: Final = {
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
)(page.register)
describes("Log in", Reply(200, Session), body=Login, refusals=(401, 429), name="log_in")(page.login)
describes("Log out", Reply(200, Message), body=Logout, name="log_out")(page.logout)
describes("Show the caller", Reply(200, OwnUser), _REFUSED, name="show_own_account")(page.own)
describes("List every user", Reply(200, UserList), _REFUSED, name="list_users")(page.list_users)
describes("Make a user", Reply(200, Created), _REFUSED, body=NewUser, name="create_user")(
    page.create
)
describes("Show a user", Reply(200, User), _REFUSED, _UNKNOWN, name="show_user")(page.show)
describes(
    "Disable or enable a user",
    Reply(200, User),
    Reply(200, Boards),
    _REFUSED,
    _UNKNOWN,
    body=Action,
    name=_TWICE,
)(page.act)
describes("Delete a user", Reply(200, Deleted), _REFUSED, name="delete_user")(page.delete)
describes(
    "Make a token for a user", Reply(200, UserToken), _REFUSED, _UNKNOWN, name="create_token"
)(page.create_token)
describes(
    "End tokens of a user",
    Reply(200, Message),
    _REFUSED,
    _UNKNOWN,
    body=TokenDeletion,
    name="delete_tokens",
)(page.delete_token)
describes("List boards", Reply(200, Boards), _REFUSED, name=_BOARDS)(page.boards)
