"""What the native dialect reads: bodies and query strings."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, ValidationInfo, WithJsonSchema
from pydantic_core import PydanticCustomError

from identity.domain.values import (
    EMAIL_MAX_BYTES,
    FULL_NAME_MAX,
    PASSWORD_MAX,
    UNSET,
    USERNAME_PATTERN,
)
from identity.services.accounts.changes import ProfileChange
from identity.web.requests.body import FORM, Body


def _documented(**words: Any) -> Any:  # noqa: ANN401 - JSON schema words
    # For the reader of the document only: the domain decides, in one place.
    return Field(json_schema_extra={**words})


def _partial(schema: dict[str, Any]) -> None:
    # A field that is absent stays as it is; it has no default that anybody could send.
    schema["minProperties"] = 1
    for words in schema["properties"].values():
        words.pop("default", None)


def _absent() -> Any:  # noqa: ANN401 - never read: presence is asked of `model_fields_set`
    return Field(default=None)


_RFC_3339 = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)", re.ASCII | re.IGNORECASE
)
_LINE = rf"^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]{{0,{FULL_NAME_MAX}}}$"
_PASSWORD: dict[str, Any] = {
    "minLength": 1,
    "maxLength": PASSWORD_MAX,
    "pattern": rf"^[^\u0000-\u001f\u007f-\u009f]{{1,{PASSWORD_MAX}}}$",
    "format": "password",
}
_EMAIL: dict[str, Any] = {"format": "email", "maxLength": EMAIL_MAX_BYTES}


def _switch(value: object, info: ValidationInfo) -> object:
    # A form has only words, and only two of them are a switch's; JSON has its own.
    if info.context != FORM or not isinstance(value, str):
        return value
    return {"true": True, "false": False}.get(value, "neither")


def _moment(text: object) -> datetime:
    # RFC 3339 is narrower than what Python reads: with a time, to the second, and with an offset.
    try:
        if isinstance(text, str) and _RFC_3339.fullmatch(text):
            return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise PydanticCustomError(
        "moment", "give a time such as 2026-01-31T00:00:00Z, a + written as %2B"
    )


Switch = Annotated[bool, BeforeValidator(_switch)]
Username = Annotated[str, _documented(pattern=USERNAME_PATTERN, examples=["hawk"])]
Password = Annotated[str, _documented(**_PASSWORD, examples=["newpwd"])]
Email = Annotated[str, _documented(**_EMAIL, examples=["hawk@example.org"])]
FullName = Annotated[str, _documented(pattern=_LINE, examples=["A. Hawk"])]


class Strict(Body):
    """A body that is read; a field it does not know is refused, not ignored."""

    model_config = ConfigDict(extra="forbid")


class NewUser(Strict):
    """Somebody who wants an account."""

    username: Username
    password: Password
    email: Email | None = None
    full_name: FullName | None = None


class NewUserByAdmin(NewUser):
    """An account made by an administrator."""

    admin: Switch = False
    must_change_password: Switch = False


class Invitation(Strict):
    """An account whose owner chooses the password by a mail."""

    email: Email
    username: Username | None = None
    full_name: FullName | None = None
    admin: Switch = False


class UserUpdate(Strict):
    """What to change of a user; what is absent stays."""

    model_config = ConfigDict(json_schema_extra=_partial)

    username: Username = _absent()
    email: Email | None = _absent()
    full_name: FullName | None = _absent()

    def profile_change(self) -> ProfileChange:
        """Return what is wanted of the profile."""
        given = self.model_fields_set
        return ProfileChange(
            username=self.username if "username" in given else UNSET,
            email=self.email if "email" in given else UNSET,
            full_name=self.full_name if "full_name" in given else UNSET,
        )


class OwnUpdate(UserUpdate):
    """What to change of oneself; a new password needs the current one."""

    password: Password = _absent()
    current_password: Annotated[str, _documented(format="password")] = _absent()


class UpdateByAdmin(UserUpdate):
    """What an administrator may change of a user; a new password ends all their sessions and certificates."""

    admin: Switch = _absent()
    password: Password = _absent()
    must_change_password: Switch = _absent()


class PasswordChange(Strict):
    """A login, and the password that takes the place of the current one."""

    username: Annotated[str, _documented(description="username, or confirmed email")]
    current_password: Annotated[str, _documented(format="password")]
    password: Password


class OneTimeToken(Strict):
    """A token out of a mail."""

    token: str


class ResetRequest(Strict):
    """Where to send a token for a new password."""

    email: str  # whatever it is, the answer is the same


class Redemption(OneTimeToken):
    """A token out of a mail, and the new password."""

    password: Password


class SigningRequest(Strict):
    """A certificate signing request in PEM."""

    csr: Annotated[str, _documented(examples=["-----BEGIN CERTIFICATE REQUEST-----"])]
    description: Annotated[
        str, _documented(maxLength=128, pattern=r"^[^\u0000-\u001f\u007f-\u009f]{0,128}$")
    ] = ""


class Renewal(Strict):
    """A certificate signing request in PEM, for a certificate like the one that makes the request."""

    csr: str


_Bounded = Annotated[int | None, Field(ge=1, le=2**63 - 1)]


class PageQuery(Strict):
    """Where in a list to go on, and how far."""

    cursor: _Bounded = None
    limit: Annotated[int, Field(ge=1, le=10**9, description="capped at 200")] = 50


class UserQuery(PageQuery):
    """Which users to list."""

    search: Annotated[
        str | None, Field(max_length=254, description="part of a username or email")
    ] = None


_EventName = Annotated[str | None, Field(max_length=64, description="as it was then")]
_Moment = Annotated[
    datetime | None,
    BeforeValidator(_moment),
    WithJsonSchema(
        {
            "anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}],
            "examples": ["2026-01-31T00:00:00Z"],
        }
    ),
]


class AuditQuery(PageQuery):
    """Which events to list."""

    kind: Annotated[str | None, Field(max_length=32)] = None
    subject_id: _Bounded = None
    actor_id: _Bounded = None
    subject: _EventName = None
    actor: _EventName = None
    outcome: Literal["accepted", "refused"] | None = None
    since: _Moment = None
    until: _Moment = None
