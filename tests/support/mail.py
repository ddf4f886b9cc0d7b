"""Where mail arrives in the tests: a mailer that keeps mails, and a real SMTP server."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from flask import Flask
from flask.testing import FlaskClient

from identity.domain.errors import MailRefused
from identity.domain.mail import Mail
from support.app import services
from support.postgresql import free_port

EMAIL = "hawk@example.org"
RESET = "Choose a new password"
ACTIVATION = "Confirm your email address"
CHANGED = "Your password was changed"
_TOKEN = re.compile(r"Token: (\S+)")


class Mailbox:
    """A mailer that keeps what it is given, or refuses it."""

    def __init__(self, app: Flask) -> None:
        self.mails: list[Mail] = []
        self.refusing: Callable[[Mail], bool] = lambda _mail: False
        self._outbox = services(app).outbox
        self._outbox._mailer = self

    def send(self, mail: Mail) -> None:
        if self.refusing(mail):
            raise MailRefused("TestRefusal")
        self.mails.append(mail)

    def collect(self) -> list[Mail]:
        """Send what is due and return what is new."""
        known = len(self.mails)
        self._outbox.send_due()
        return self.mails[known:]

    def fetch(self) -> list[Mail]:
        """Send what is due and return all mails so far."""
        self.collect()
        return self.mails

    def token(self, subject: str) -> str:
        """Send what is due and return the token of the last mail with this subject."""
        self.collect()
        text = next(mail.text for mail in reversed(self.mails) if mail.subject == subject)
        return token_in_mail(text)


def token_in_mail(text: str) -> str:
    """Return the bare token of a mail."""
    found = _TOKEN.search(text)
    assert found, text
    return found[1]


def register(
    client: FlaskClient, username: str = "hawk", email: str = EMAIL, password: str = "newpwd"
) -> None:
    """Make an account with an email."""
    answer = client.post(
        "/api/users", json={"username": username, "email": email, "password": password}
    )
    assert answer.status_code == 201, answer.text


@dataclass
class Received:
    """One mail as a server took it."""

    sender: str
    recipients: list[str]
    message: EmailMessage

    @property
    def id(self) -> str:
        return str(self.message["Message-ID"])

    def part(self, kind: str) -> str:
        """Return the text of the plain or html part."""
        body = self.message.get_body((kind,))
        assert body is not None
        return str(body.get_content())


@dataclass
class MailServer:
    """A real SMTP server. It can refuse recipients, hang up after DATA, and be away."""

    port: int = field(default_factory=free_port)
    received: list[Received] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    refusal: str = "450 4.2.1 not now"
    hang_ups: int = 0
    before_answer: Callable[[], object] = lambda: None
    _controller: Controller | None = None

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    def start(self) -> None:
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)
        self._controller.start()

    def stop(self) -> None:
        if self._controller:
            self._controller.stop()
        self._controller = None

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self,
        _server: SMTP,
        _session: Session,
        envelope: Envelope,
        address: str,
        _options: list[str],
    ) -> str:
        if address in self.refused:
            return self.refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        message = message_from_bytes(envelope.original_content or b"", policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.received.append(Received(str(envelope.mail_from), list(envelope.rcpt_tos), message))
        self.before_answer()
        if self.hang_ups:
            self.hang_ups -= 1
            server.transport.close()
        return "250 taken"

    def wait_for(self, count: int, *, seconds: float = 60) -> list[Received]:
        """Wait until so many mails have come."""
        end = time.monotonic() + seconds
        while len(self.received) < count and time.monotonic() < end:
            time.sleep(0.02)
        assert len(self.received) >= count, self.received
        return self.received


@contextmanager
def mail_server() -> Iterator[MailServer]:
    """Run a mail server."""
    server = MailServer()
    server.start()
    try:
        yield server
    finally:
        server.stop()
