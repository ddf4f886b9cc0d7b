"""Sends mails by SMTP, or prints them if no server is configured."""

from __future__ import annotations

import logging
import re
import smtplib
import ssl
import sys
from contextlib import closing, suppress
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from typing import Final

from identity.domain.errors import MailRefused
from identity.domain.mail import Mail
from identity.domain.smtp import Sender, SmtpServer

_log = logging.getLogger(__name__)
_TIMEOUT_SECONDS: Final = 15
_WIDTH: Final = 80
_PERMANENT: Final = 500
_AUTHENTICATION: Final = frozenset({530, 534, 535, 538})  # RFC 4954: the login was refused
_ENHANCED: Final = re.compile(r"[245]\.\d{1,3}\.\d{1,3}\b")  # RFC 3463
_CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")


class SmtpMailer:
    """Sends mails to an SMTP server, with a new connection for each."""

    def __init__(self, server: SmtpServer, *, sender: str) -> None:
        self._server = server
        self._sender = sender

    def send(self, mail: Mail) -> None:
        """Send one mail.

        Raises:
            MailRefused: the server did not respond or did not accept it.
        """
        try:
            context = ssl.create_default_context()
            sender = Sender.parse(self._sender).email
            # Not `with connection`, which sends QUIT: in the middle of a mail the server's refusal
            # of that would replace the exception that interrupted it.
            with closing(self._connect(context)) as connection:
                self._start(connection, context)
                connection.send_message(
                    compose(mail, self._sender), sender, [_ascii_email(mail.recipient)]
                )
                # The mail is accepted, even if the end of the connection fails.
                with suppress(OSError, smtplib.SMTPException):
                    connection.quit()
        except (OSError, smtplib.SMTPException, ValueError) as error:
            raise _refusal(error) from None

    def _connect(self, context: ssl.SSLContext) -> smtplib.SMTP:
        server = self._server
        if server.tls:
            return smtplib.SMTP_SSL(
                server.host, server.port, timeout=_TIMEOUT_SECONDS, context=context
            )
        return smtplib.SMTP(server.host, server.port, timeout=_TIMEOUT_SECONDS)

    def _start(self, connection: smtplib.SMTP, context: ssl.SSLContext) -> None:
        if self._server.starttls:
            connection.starttls(context=context)
        if self._server.user:
            connection.login(self._server.user, self._server.password)


class LogMailer:
    """Prints mails, for development: every reader of the terminal or log can use their tokens."""

    def __init__(self, *, sender: str) -> None:
        self._sender = sender

    def send(self, mail: Mail) -> None:
        """Print one mail: readably on a terminal, else as a log line."""
        if sys.stderr is not None and sys.stderr.isatty():
            sys.stderr.write(_readable(mail, self._sender))
            sys.stderr.flush()
            return
        fields = {"recipient": mail.recipient, "subject": mail.subject, "text": mail.text}
        _log.warning(
            "development: IDENTITY_SMTP_URL is not set; printing the mail", extra={"fields": fields}
        )


def _readable(mail: Mail, sender: str) -> str:
    title = " mail, printed because IDENTITY_SMTP_URL is not set ".center(_WIDTH, "-")
    head = f"From: {sender}\nTo: {mail.recipient}\nSubject: {mail.subject}\n"
    text = _CONTROL.sub("?", f"{head}\n{mail.text}")
    return f"{title}\n{text}{'-' * _WIDTH}\n"


def _refusal(error: Exception) -> MailRefused:
    replies: list[tuple[int, bytes | str]] = []
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        replies = list(error.recipients.values())
    elif isinstance(error, smtplib.SMTPResponseException):
        replies = [(error.smtp_code, error.smtp_error)]
    code, text = replies[0] if replies else (0, b"")
    # An error before the mail begins, such as a refused login, says nothing about this mail.
    about_mail = isinstance(
        error, smtplib.SMTPRecipientsRefused | smtplib.SMTPSenderRefused | smtplib.SMTPDataError
    )
    permanent = about_mail and _PERMANENT <= code < _PERMANENT + 100 and code not in _AUTHENTICATION
    return MailRefused(type(error).__name__, reply=_reply(code, text), permanent=permanent)


def _reply(code: int, text: bytes | str) -> str:
    # Only the codes, because the rest of the text may quote the mail.
    if code <= 0:
        return ""
    line = text.decode("ascii", "replace") if isinstance(text, bytes) else text
    enhanced = _ENHANCED.match(line)
    return f"{code} {enhanced[0]}" if enhanced else str(code)


def compose(mail: Mail, sender: str) -> EmailMessage:
    """Return the message, as text and HTML."""
    parsed = Sender.parse(sender)
    message = EmailMessage()
    message["Date"] = datetime.now(UTC)  # required by RFC 5322 section 3.6; few servers add it
    message["From"] = Address(parsed.name, addr_spec=parsed.email)
    message["To"] = _ascii_email(mail.recipient)
    message["Subject"] = mail.subject
    message["Message-ID"] = f"<{mail.message_id}@{parsed.email.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.text)
    message.add_alternative(mail.html, subtype="html")
    return message


def _ascii_email(email: str) -> str:
    # All servers accept a domain in ASCII; only some accept it in Unicode (RFC 5891).
    local, _, domain = email.rpartition("@")
    return f"{local}@{domain.encode('idna').decode('ascii')}"
