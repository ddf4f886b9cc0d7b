"""What mails say, and the tokens they carry."""

from __future__ import annotations

import html
from dataclasses import dataclass
from enum import StrEnum


class MailKind(StrEnum):
    """The letters there are."""

    ACTIVATION = "activation"
    RESET = "password_reset"
    INVITATION = "invitation"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - the name of a letter
    EMAIL_CHANGE_REQUESTED = "email_change_requested"
    EMAIL_CHANGED = "email_changed"
    CERTIFICATE_ISSUED = "certificate_issued"
    CERTIFICATE_REVOKED = "certificate_revoked"
    EMAIL_ALREADY_REGISTERED = "email_already_registered"


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail, ready to go."""

    message_id: str
    recipient: str
    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True)
class Words:
    """The words of one kind of letter."""

    subject: str
    opening: str
    closing: str


_WORDS = {
    MailKind.ACTIVATION: Words(
        "Confirm your address",
        "Somebody, we hope you, gave this address for an account. Confirm it within a day:",
        "If it was not you, do nothing.",
    ),
    MailKind.RESET: Words(
        "Choose a new password",
        "Somebody, we hope you, asked for a new password. This works once, for 15 minutes:",
        "If it was not you, do nothing: your password stays as it is.",
    ),
    MailKind.INVITATION: Words(
        "Choose a password for your account",
        "An administrator made this account for you. Choose its password within a week:",
        "If you do not want it, do nothing: nobody can log in to it without a password.",
    ),
    MailKind.PASSWORD_CHANGED: Words(
        "Your password was changed",
        "The password of your account was just changed, and all its other sessions have ended.",
        "If it was not you, ask for a new password at once.",
    ),
    MailKind.EMAIL_CHANGE_REQUESTED: Words(
        "Your address is to be changed",
        "Another address was just given for your account. It replaces this one as soon as it is confirmed.",
        "If it was not you, change your password at once: that cancels the change.",
    ),
    MailKind.EMAIL_CHANGED: Words(
        "Your address was changed",
        "The address of your account was just changed. This is the last mail to this one.",
        "If it was not you, tell the people who run this service at once.",
    ),
    MailKind.CERTIFICATE_ISSUED: Words(
        "A certificate was issued",
        "A new client certificate was just issued for your account. It opens the account without a password.",
        "If it was not you, revoke it, or the one it was renewed from: that ends all that were renewed from it. "
        "Changing your password ends all certificates.",
    ),
    MailKind.CERTIFICATE_REVOKED: Words(
        "A certificate was revoked",
        "A client certificate of your account was just revoked, with all that were renewed from it.",
        "If it was not you, change your password at once.",
    ),
    MailKind.EMAIL_ALREADY_REGISTERED: Words(
        "You have an account already",
        "Somebody, perhaps you, gave this address for another account. It stays with the one above.",
        "If it was you and you cannot log in, ask for a new password. If it was not you, do nothing.",
    ),
}


def write(  # noqa: PLR0913 - what a letter is made of
    kind: MailKind,
    *,
    service: str = "",
    message_id: str,
    recipient: str,
    username: str,
    token: str = "",
    link: str = "",
    about: str = "",
) -> Mail:
    """Compose a letter with the name of the service, the link, where there is one, and the bare token to type."""
    words = _WORDS[kind]
    # A dot with a space keeps mail readers from making a link of a name that looks like one.
    name = username.replace(".", ". ")[:80]
    subject = f"{service}: {words.subject}" if service else words.subject
    lines = [f"Service: {service}" if service else "", f"Account: {name}"]
    lines += [words.opening, about, link, f"Token: {token}" if token else "", words.closing]
    told = [line for line in lines if line]
    anchor = f'<a href="{html.escape(link)}">{html.escape(words.subject)}</a>'
    paragraphs = "".join(f"<p>{anchor if line == link else html.escape(line)}</p>" for line in told)
    return Mail(
        message_id,
        recipient,
        subject,
        "\n\n".join(told) + "\n",
        f"<html><body>{paragraphs}</body></html>",
    )
