"""Mail by SMTP, or printed where no server is named."""

from __future__ import annotations

import logging
import smtplib
import ssl
from contextlib import closing, suppress
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Final

from identity.domain.errors import MailRefused
from identity.domain.letters import Letter, SmtpServer

_log = logging.getLogger(__name__)
_TIMEOUT_SECONDS: Final = 15


class SmtpMailer:
    """Hands letters to an SMTP server, a connection for each."""

    def __init__(self, server: SmtpServer, *, sender: str) -> None:
        self._server = server
        self._sender = sender

    def send(self, letter: Letter) -> None:
        """Hand one letter over.

        Raises:
            MailRefused: the server does not answer or did not take it.
        """
        try:
            context = ssl.create_default_context()
            # Not `with connection`: its farewell, refused in the middle of a letter, would replace an interrupt.
            with closing(self._connect(context)) as connection:
                self._introduce(connection, context)
                connection.send_message(compose(letter, self._sender), self._sender, [_in_ascii(letter.recipient)])
                with suppress(OSError, smtplib.SMTPException):  # the letter is taken, however they part
                    connection.quit()
        except (OSError, smtplib.SMTPException, ValueError) as error:
            raise MailRefused(type(error).__name__) from None

    def _connect(self, context: ssl.SSLContext) -> smtplib.SMTP:
        server = self._server
        if server.tls:
            return smtplib.SMTP_SSL(server.host, server.port, timeout=_TIMEOUT_SECONDS, context=context)
        return smtplib.SMTP(server.host, server.port, timeout=_TIMEOUT_SECONDS)

    def _introduce(self, connection: smtplib.SMTP, context: ssl.SSLContext) -> None:
        if self._server.starttls:
            connection.starttls(context=context)
        if self._server.user:
            connection.login(self._server.user, self._server.password)


class LogMailer:
    """Prints letters to the log, for development: whoever reads the log can use them."""

    def send(self, letter: Letter) -> None:
        """Print one letter."""
        fields = {"recipient": letter.recipient, "subject": letter.subject, "text": letter.text}
        _log.warning("development: no IDENTITY_SMTP_URL, mail is printed", extra={"fields": fields})


def compose(letter: Letter, sender: str) -> EmailMessage:
    """Return the message, in text and HTML."""
    message = EmailMessage()
    message["Date"] = datetime.now(UTC)  # RFC 5322 §3.6 wants one, and not every server adds it
    message["From"] = sender
    message["To"] = _in_ascii(letter.recipient)
    message["Subject"] = letter.subject
    message["Message-ID"] = f"<{letter.message_id}@{sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letter.text)
    message.add_alternative(letter.html, subtype="html")
    return message


def _in_ascii(address: str) -> str:
    # Every server knows a domain in this form, not every one in the letters people use (RFC 5891).
    local, _, domain = address.rpartition("@")
    return f"{local}@{domain.encode('idna').decode('ascii')}"
