"""Errors about limits, queues and mail that was refused."""

from __future__ import annotations

from dataclasses import dataclass

from identity.domain.errors.base import IdentityError, RetryLater
from identity.domain.limits import Limit


@dataclass(eq=False)
class RateLimited(RetryLater):
    """A limit is reached; the attempt was not made."""

    code = "too_many_attempts"
    detail = "Too many attempts. Wait as long as Retry-After says, or use a token you already have."

    limit: Limit | None = None


class Busy(RetryLater):
    """The admission queue before the password hash is full; nothing was computed."""

    code = "busy"
    detail = "Too many passwords are being checked. Try again shortly."


class MailRefused(IdentityError):
    """The mail server did not accept a mail; `reply` is its reply code, if it sent one.

    `permanent` if it would refuse the same mail again (RFC 5321 section 4.2.1).
    """

    code = "mail_refused"

    def __init__(self, reason: str, *, reply: str = "", permanent: bool = False) -> None:
        super().__init__(reason)
        self.reply = reply
        self.permanent = permanent
