"""Mail by SMTP, or printed where no server is named."""

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
_AUTHENTICATION: Final = frozenset({530, 534, 535, 538})  # RFC 4954: what is wrong is our login
_ENHANCED: Final = re.compile(r"[245]\.\d{1,3}\.\d{1,3}\b")  # RFC 3463
_CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")


class SmtpMailer:
    """Hands letters to an SMTP server, a connection for each."""

    def __init__(self, server: SmtpServer, *, sender: str) -> None:
        self._server = server
        self._sender = sender

    def send(self, letter: Mail) -> None:
        """Hand one letter over.

        Raises:
            MailRefused: the server does not answer or did not take it.
        """
        try:
            context = ssl.create_default_context()
            # Not `with connection`: its farewell, refused in the middle of a letter, would replace an interrupt.
            sender = Sender.parse(self._sender).email
            with closing(self._connect(context)) as connection:
                self._introduce(connection, context)
                connection.send_message(
                    compose(letter, self._sender), sender, [_in_ascii(letter.recipient)]
                )
                with suppress(
                    OSError, smtplib.SMTPException
                ):  # the letter is taken, however they part
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

    def _introduce(self, connection: smtplib.SMTP, context: ssl.SSLContext) -> None:
        if self._server.starttls:
            connection.starttls(context=context)
        if self._server.user:
            connection.login(self._server.user, self._server.password)


class LogMailer:
    """Prints letters, for development: whoever reads the terminal or the log can use them."""

    def __init__(self, *, sender: str) -> None:
        self._sender = sender

    def send(self, letter: Mail) -> None:
        """Print one letter: as a mail on a terminal, else as a line of the log."""
        if sys.stderr is not None and sys.stderr.isatty():
            sys.stderr.write(_readable(letter, self._sender))
            sys.stderr.flush()
            return
        fields = {"recipient": letter.recipient, "subject": letter.subject, "text": letter.text}
        _log.warning("development: no IDENTITY_SMTP_URL, mail is printed", extra={"fields": fields})


def _readable(letter: Mail, sender: str) -> str:
    head = f"From: {sender}\nTo: {letter.recipient}\nSubject: {letter.subject}\n"
    text = _CONTROL.sub("?", f"{head}\n{letter.text}")
    return f"{' mail, printed as IDENTITY_SMTP_URL is not set '.center(_WIDTH, '-')}\n{text}{'-' * _WIDTH}\n"


def _refusal(error: Exception) -> MailRefused:
    replies: list[tuple[int, bytes | str]] = []
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        replies = list(error.recipients.values())
    elif isinstance(error, smtplib.SMTPResponseException):
        replies = [(error.smtp_code, error.smtp_error)]
    code, text = replies[0] if replies else (0, b"")
    # Refused before the letter was begun, such as a login, it is no judgement of this letter.
    of_letter = isinstance(
        error, smtplib.SMTPRecipientsRefused | smtplib.SMTPSenderRefused | smtplib.SMTPDataError
    )
    permanent = of_letter and _PERMANENT <= code < _PERMANENT + 100 and code not in _AUTHENTICATION
    return MailRefused(type(error).__name__, reply=_reply(code, text), permanent=permanent)


def _reply(code: int, text: bytes | str) -> str:
    # The rest of the text may quote the letter.
    known = _ENHANCED.match(text.decode("ascii", "replace") if isinstance(text, bytes) else text)
    return " ".join([str(code), *([known[0]] if known else [])]) if code > 0 else ""


def compose(letter: Mail, sender: str) -> EmailMessage:
    """Return the message, in text and HTML."""
    who = Sender.parse(sender)
    message = EmailMessage()
    message["Date"] = datetime.now(UTC)  # RFC 5322 §3.6 wants one, and not every server adds it
    message["From"] = Address(who.name, addr_spec=who.email)
    message["To"] = _in_ascii(letter.recipient)
    message["Subject"] = letter.subject
    message["Message-ID"] = f"<{letter.message_id}@{who.email.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letter.text)
    message.add_alternative(letter.html, subtype="html")
    return message


def _in_ascii(address: str) -> str:
    # Every server knows a domain in this form, not every one in the letters people use (RFC 5891).
    local, _, domain = address.rpartition("@")
    return f"{local}@{domain.encode('idna').decode('ascii')}"
