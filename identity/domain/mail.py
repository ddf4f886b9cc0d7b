"""The texts of mails."""

from __future__ import annotations

import html
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

_NAME_MAX: Final = 80


class MailKind(StrEnum):
    """The kinds of mails."""

    ACTIVATION = "activation"
    RESET = "password_reset"
    INVITATION = "invitation"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - the name of a kind, not a secret
    EMAIL_CHANGE_REQUESTED = "email_change_requested"
    EMAIL_CHANGED = "email_changed"
    CERTIFICATE_ISSUED = "certificate_issued"
    CERTIFICATE_REVOKED = "certificate_revoked"
    EMAIL_ALREADY_REGISTERED = "email_already_registered"


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail, ready to be sent."""

    message_id: str
    recipient: str
    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True)
class Template:
    """The text of one kind of mail; `{lifetime}` stands for that of the mail's token."""

    subject: str
    opening: str
    closing: str


_TEMPLATES = {
    MailKind.ACTIVATION: Template(
        "Confirm your email address",
        "Someone, hopefully you, used this email address for an account. "
        "Confirm it within {lifetime}:",
        "If it was not you, ignore this mail.",
    ),
    MailKind.RESET: Template(
        "Choose a new password",
        "Someone, hopefully you, requested a new password. "
        "This works once and expires after {lifetime}:",
        "If it was not you, ignore this mail: your password stays the same.",
    ),
    MailKind.INVITATION: Template(
        "Choose a password for your account",
        "An administrator created this account for you. Choose a password within {lifetime}:",
        "If you do not want the account, ignore this mail: without a password it cannot be used.",
    ),
    MailKind.PASSWORD_CHANGED: Template(
        "Your password was changed",
        "The password of your account was changed, and all its other sessions were revoked.",
        "If it was not you, request a new password immediately.",
    ),
    MailKind.EMAIL_CHANGE_REQUESTED: Template(
        "A change of your email address was requested",
        "A new email address was entered for your account. "
        "It replaces this one once it is confirmed.",
        "If it was not you, change your password immediately: that cancels the change.",
    ),
    MailKind.EMAIL_CHANGED: Template(
        "Your email address was changed",
        "The email address of your account was changed. We will not write to this one again.",
        "If it was not you, contact your administrator immediately.",
    ),
    MailKind.CERTIFICATE_ISSUED: Template(
        "A certificate was issued",
        "A new client certificate was issued for your account. "
        "It gives access to the account without a password.",
        "If it was not you, revoke it or the one it was renewed from, which also revokes all "
        "renewals. Changing your password invalidates all certificates.",
    ),
    MailKind.CERTIFICATE_REVOKED: Template(
        "A certificate was revoked",
        "A client certificate of your account was revoked, along with all its renewals.",
        "If it was not you, change your password immediately.",
    ),
    MailKind.EMAIL_ALREADY_REGISTERED: Template(
        "You already have an account",
        "Someone, perhaps you, used this email address for another account. "
        "It still belongs to the account above.",
        "If it was you and you cannot log in, request a new password. "
        "If it was not you, ignore this mail.",
    ),
}


def write(  # noqa: PLR0913 - the parts of a mail
    kind: MailKind,
    *,
    service: str = "",
    message_id: str,
    recipient: str,
    username: str,
    token: str = "",
    link: str = "",
    lifetime: timedelta = timedelta(0),
    about: str = "",
) -> Mail:
    """Write a mail of a kind.

    Args:
        kind: of the mail.
        service: the name of the service, if it has one.
        message_id: without the domain.
        recipient: an email.
        username: of the account.
        token: to type, if the mail has one.
        link: that contains the token, if there is a page for it.
        lifetime: of the token.
        about: a line about what happened.
    """
    template = _TEMPLATES[kind]
    subject = f"{service}: {template.subject}" if service else template.subject
    lines = _lines(template, service, username, token, link, lifetime, about)
    anchor = f'<a href="{html.escape(link)}">{html.escape(template.subject)}</a>'
    paragraphs = [f"<p>{anchor if line == link else html.escape(line)}</p>" for line in lines]
    return Mail(
        message_id,
        recipient,
        subject,
        "\n\n".join(lines) + "\n",
        f"<html><body>{''.join(paragraphs)}</body></html>",
    )


def _lines(  # noqa: PLR0913, PLR0917 - the parts of a mail
    template: Template,
    service: str,
    username: str,
    token: str,
    link: str,
    lifetime: timedelta,
    about: str,
) -> list[str]:
    # The space keeps mail readers from turning a username such as example.org into a link.
    name = username.replace(".", ". ")[:_NAME_MAX]
    lines = (
        f"Service: {service}" if service else "",
        f"Account: {name}",
        template.opening.format(lifetime=_spelled(lifetime)),
        about,
        link,
        f"Token: {token}" if token else "",
        template.closing,
    )
    return [line for line in lines if line]


def _spelled(duration: timedelta) -> str:
    """Return a duration in its largest whole unit, in days only from two days on."""
    minutes = int(duration.total_seconds()) // 60
    hours = minutes // 60
    days = hours // 24
    if days > 1 and duration == timedelta(days=days):
        return f"{days} days"
    if hours and duration == timedelta(hours=hours):
        return f"{hours} hours" if hours > 1 else "an hour"
    return f"{minutes} minutes" if minutes != 1 else "a minute"
