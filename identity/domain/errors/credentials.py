"""Errors about credentials: missing, wrong, expired, or too old for an action."""

from __future__ import annotations

from datetime import timedelta

from identity.domain.errors.base import Conflict, Forbidden, IdentityError


class Unauthenticated(IdentityError):
    """The credential is missing or invalid. The text is the same for every reason.

    Args:
        retry_after: how long passwords cannot be checked; only for a caller whose protocol has
            no other error for that.
    """

    code = "authentication_failed"
    detail = "Send a valid username and password, or a valid token."

    def __init__(self, retry_after: timedelta | None = None) -> None:
        super().__init__()
        self.retry_after = retry_after


class UnknownAccount(Unauthenticated):
    """No account has this name.

    Only a dialect whose document distinguishes the two cases reveals it, and never when hardened.
    """


class StepUpRequired(IdentityError):
    """The credential is valid, but authentication is older than `max_age` (RFC 9470)."""

    code = "step_up_required"
    detail = (
        "This action needs a recent authentication. Send your password with curl -u, "
        "add current_password if the call accepts it, or log in again and use the new token."
    )

    def __init__(self, max_age: timedelta) -> None:
        super().__init__(max_age)
        self.max_age = max_age


class CurrentPasswordRequired(Forbidden):
    """The request sets a new password without the current one."""

    code = "current_password_required"
    detail = "Add current_password to set a new password."


class PasswordChangeRequired(Forbidden):
    """The password is correct, but an administrator requires a new one before it can be used."""

    code = "password_change_required"
    detail = (
        "This password must be changed before it can be used. POST username, current_password "
        "and password to /api/password-changes, or request a password reset by mail."
    )


class WrongPassword(Forbidden):
    """The current password that was sent beside a valid credential is wrong."""

    code = "wrong_password"
    detail = "current_password is wrong; nothing was changed."


class InvalidToken(IdentityError):
    """A one-time token is not genuine, expired, used, or of an account whose version has grown."""

    code = "invalid_token"
    detail = "This token is invalid or has expired. Request a new one."


class BadCertificateRequest(IdentityError):
    """A certificate signing request that is refused for every caller."""

    code = "bad_certificate_request"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class NoSession(Conflict):
    """The request was authenticated by password, so it has no session to revoke."""

    code = "no_session"
    detail = "This request has no session. Send the token of the session to revoke."
