"""The OpenAPI descriptions of NervesHub's routes."""

from __future__ import annotations

from typing import Final

from identity.dialects import nerveshub as routes
from identity.dialects.nerveshub import _Credentials, _Registration, _Signing
from identity.web.openapi.dialect_document import Description
from identity.web.openapi.operations import Reply, describes
from identity.web.openapi.responses import Refusals
from identity.web.requests.body import JSON_TYPE, Body


class Registration(_Registration):
    """A registration."""


class Credentials(_Credentials):
    """A password with the email or the username; `note` is accepted and ignored."""


class Signing(_Signing):
    """A password, and a certificate signing request in PEM or in base64 of PEM."""


class UserData(Body):
    """A user, as clients since 2.1.0 expect it."""

    username: str
    name: str
    email: str | None


class User(Body):
    """A user: at the top level, as in the document, and in `data`."""

    username: str
    email: str | None
    data: UserData


class LoginData(UserData):
    """A user and a personal token."""

    token: str


class Login(Body):
    """A user and a personal token, valid for a year: at the top level and in `data`."""

    username: str
    email: str | None
    token: str
    data: LoginData


class CertificateData(Body):
    """A certificate."""

    cert: str


class Certificate(CertificateData):
    """A certificate, at the top level and in `data`."""

    data: CertificateData


class Refusal(Body):
    """An error: a text or the errors of each field; without a valid credential also `status`."""

    errors: str | dict[str, list[str]] | None = None
    status: str | None = None


_ACCESS: Final = {"required": (401, 403, 429, 503)}
_BODY: Final = (400, 408, 411, 413, 415, 422, 503)
DESCRIPTION: Final = Description(
    "NervesHub's users",
    "The calls of NervesHub's document, with the accounts of this service, also below `/api`. "
    "Send the personal token of `/users/login` as `Authorization: Bearer` or `Token`, or a client "
    "certificate. As in the document, invalid credentials in a body are a 500 with "
    "`authentication_failed`, and a request without a valid credential is a 403.",
    Refusals(Refusal, JSON_TYPE, access=_ACCESS, body=_BODY),
)
_WRONG: Final = (401, 403, 429, 500)

describes(
    "Register a user",
    Reply(200, User),
    body=Registration,
    refusals=(403, 429),
    name="register_user",
)(routes.register)
describes(
    "Check a password", Reply(200, User), body=Credentials, refusals=_WRONG, name="authenticate"
)(routes.authenticate)
describes(
    "Log in for a token", Reply(200, Login), body=Credentials, refusals=_WRONG, name="log_in"
)(routes.login)
describes(
    "Get a certificate",
    Reply(200, Certificate),
    body=Signing,
    refusals=_WRONG,
    name="sign_certificate",
)(routes.sign)
describes("Show your account", Reply(200, User), name="show_own_account")(routes.me)
