"""Bodies and query strings of the native dialect."""

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


def _documented(**keywords: Any) -> Any:  # noqa: ANN401 - JSON Schema keywords
    # These keywords are for the OpenAPI document only; the domain validates.
    return Field(json_schema_extra={**keywords})


def _partial(schema: dict[str, Any]) -> None:
    # An absent field stays unchanged, so it has no default value that clients could send.
    schema["minProperties"] = 1
    for keywords in schema["properties"].values():
        keywords.pop("default", None)


def _absent() -> Any:  # noqa: ANN401 - the default is never read; see `model_fields_set`
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
    # A form has only strings, of which two are booleans; JSON has booleans of its own.
    if info.context != FORM or not isinstance(value, str):
        return value
    return {"true": True, "false": False}.get(value, "neither")


def _datetime(text: object) -> datetime:
    # Python also reads times that RFC 3339 does not allow: without seconds or without an offset.
    try:
        if isinstance(text, str) and _RFC_3339.fullmatch(text):
            return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise PydanticCustomError(
        "datetime", "must be a time such as 2026-01-31T00:00:00Z; write + as %2B"
    )


Switch = Annotated[bool, BeforeValidator(_switch)]
Username = Annotated[str, _documented(pattern=USERNAME_PATTERN, examples=["hawk"])]
Password = Annotated[str, _documented(**_PASSWORD, examples=["newpwd"])]
Email = Annotated[str, _documented(**_EMAIL, examples=["hawk@example.org"])]
FullName = Annotated[str, _documented(pattern=_LINE, examples=["A. Hawk"])]


class Strict(Body):
    """A request; unknown fields are refused, not ignored."""

    model_config = ConfigDict(extra="forbid")


class NewUser(Strict):
    """A registration."""

    username: Username
    password: Password
    email: Email | None = None
    full_name: FullName | None = None


class NewUserByAdmin(NewUser):
    """An account that an administrator creates."""

    admin: Switch = False
    must_change_password: Switch = False


class Invitation(Strict):
    """An account whose user chooses the password by a mailed link."""

    email: Email
    username: Username | None = None
    full_name: FullName | None = None
    admin: Switch = False


class UserUpdate(Strict):
    """Changes of a user; absent fields stay unchanged."""

    model_config = ConfigDict(json_schema_extra=_partial)

    username: Username = _absent()
    email: Email | None = _absent()
    full_name: FullName | None = _absent()

    def profile_change(self) -> ProfileChange:
        """Return the changes of the profile."""
        present = self.model_fields_set
        return ProfileChange(
            username=self.username if "username" in present else UNSET,
            email=self.email if "email" in present else UNSET,
            full_name=self.full_name if "full_name" in present else UNSET,
        )


class OwnUpdate(UserUpdate):
    """Changes of your own account; a new password needs the current one."""

    password: Password = _absent()
    current_password: Annotated[str, _documented(format="password")] = _absent()


class UpdateByAdmin(UserUpdate):
    """Changes of a user by an administrator; a new password invalidates the user's credentials."""

    admin: Switch = _absent()
    password: Password = _absent()
    must_change_password: Switch = _absent()


class PasswordChange(Strict):
    """A login and the new password."""

    username: Annotated[str, _documented(description="username, or confirmed email")]
    current_password: Annotated[str, _documented(format="password")]
    password: Password


class OneTimeToken(Strict):
    """A mailed token."""

    token: str


class ResetRequest(Strict):
    """The email to which a token for a new password is sent."""

    email: str  # any text: the response does not depend on it


class Redemption(OneTimeToken):
    """A mailed token and the new password."""

    password: Password


class SigningRequest(Strict):
    """A certificate signing request in PEM."""

    csr: Annotated[str, _documented(examples=["-----BEGIN CERTIFICATE REQUEST-----"])]
    description: Annotated[
        str, _documented(maxLength=128, pattern=r"^[^\u0000-\u001f\u007f-\u009f]{0,128}$")
    ] = ""


class Renewal(Strict):
    """A certificate signing request in PEM, to renew the certificate that authenticates it."""

    csr: str


_Bounded = Annotated[int | None, Field(ge=1, le=2**63 - 1)]


class PageQuery(Strict):
    """The position in a list and the size of a page."""

    cursor: _Bounded = None
    limit: Annotated[int, Field(ge=1, le=10**9, description="capped at 200")] = 50


class UserQuery(PageQuery):
    """Which users to list."""

    search: Annotated[
        str | None, Field(max_length=254, description="part of a username or email")
    ] = None


_EventName = Annotated[
    str | None, Field(max_length=64, description="the username at the time of the event")
]
_Datetime = Annotated[
    datetime | None,
    BeforeValidator(_datetime),
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
    since: _Datetime = None
    until: _Datetime = None
