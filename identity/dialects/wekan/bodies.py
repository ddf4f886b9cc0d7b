"""The bodies that Wekan's document describes."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict

from identity.services.accounts.registration import NewAccount
from identity.web.problems import BadRequest
from identity.web.requests.body import Body


class Registration(Body):
    """A registration with a username, an email or both."""

    model_config = ConfigDict(extra="forbid")

    password: str
    username: str | None = None
    email: str | None = None


class NewUser(Registration):
    """An account that an administrator creates."""

    fromAdmin: Any = None  # noqa: N815 - the document's word; it gives no rights


class Login(Body):
    """A username or an email, and its password."""

    password: str
    username: str | None = None
    email: str | None = None


class Logout(Body):
    """Whether to revoke all tokens of the caller; by default only the one in the request."""

    all: bool | int | str | None = None


class TokenDeletion(Body):
    """The user and the token to revoke; without a token, all of the user's tokens."""

    userId: str | None = None  # noqa: N815 - the document's word
    token: str | None = None


class Action(Body):
    """The action on a user."""

    action: Literal["disableLogin", "enableLogin", "takeOwnership"]


def read_account(body: Registration) -> NewAccount:
    """Return the account to create."""
    if not body.username and not body.email:
        raise BadRequest("Need to set a username or email")
    return NewAccount(body.username or None, body.password, body.email or None, personal_name=True)
