"""The settings of the mail server, and how the connection to it is protected."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword

from identity.adapters.ca import LocalAuthority, new_authority
from identity.adapters.clock import SystemClock
from identity.adapters.mail import SmtpMailer
from identity.domain.errors import MailRefused
from identity.domain.mail import Mail
from identity.domain.smtp import SmtpServer
from identity.settings.readers import read_mail_from, read_smtp_url
from support.mail import MailServer, mail_server
from support.postgresql import free_port

MAIL = Mail("1", "hawk@example.org", "s", "t", "<p>h</p>")
SENDER = "identity@example.org"


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("", None),
        (
            "smtp://mail.example.org",
            SmtpServer("mail.example.org", 25, "", "", tls=False, starttls=False),
        ),
        (
            "smtp://mail.example.org:2525",
            SmtpServer("mail.example.org", 2525, "", "", tls=False, starttls=False),
        ),
        (
            "smtps://mail.example.org",
            SmtpServer("mail.example.org", 465, "", "", tls=True, starttls=False),
        ),
        (
            "smtp://me:p%40ss%3Aw@mail.example.org:587?starttls=1",
            SmtpServer("mail.example.org", 587, "me", "p@ss:w", tls=False, starttls=True),
        ),
        ("smtp://[::1]:2525", SmtpServer("::1", 2525, "", "", tls=False, starttls=False)),
    ],
)
def test_a_mail_server_is_read_from_its_url(text: str, server: SmtpServer | None) -> None:
    assert read_smtp_url(text) == server


@pytest.mark.parametrize(
    "text",
    [
        "mail.example.org",
        "http://mail.example.org",
        "smtp://:25",
        "smtp://a:b@",
        "smtp://h:99999",
        "smtp://h?tls=yes",
        "x",
    ],
)
def test_what_names_no_mail_server_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(ValueError, match=r"smtp://user:password@host:port") as refused:
        read_smtp_url(text)
    assert text == "x" or text not in str(refused.value)


@pytest.mark.parametrize(
    "text",
    ["", "x", "a@b\nBcc: c@d", "A <a@b.org", "A <a@b.org>, c@d.org", "a@b.org,c@d.org", "a@b.org "],
)
def test_a_sender_is_one_plain_email(text: str) -> None:
    with pytest.raises(ValueError, match=r"use an email such as"):
        read_mail_from(text)


@pytest.fixture
def identity_file(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 with its key, and the authority that signed it."""
    now = SystemClock().now()
    authority = LocalAuthority(new_authority(now), list_url="", now=now)
    own, chain = tmp_path / "server.pem", tmp_path / "ca.pem"
    own.write_text(authority.server_identity(("127.0.0.1", "localhost"), now))
    chain.write_text(authority.chain())
    return own, chain


def _context(own: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(own)
    return context


class _Login:
    def __init__(self) -> None:
        self.logins: list[tuple[bytes, bytes]] = []

    def __call__(
        self, _server: Any, _session: Any, _envelope: Envelope, _mechanism: str, data: LoginPassword
    ) -> Any:
        self.logins.append((data.login, data.password))
        return AuthResult(success=data.password == b"right", handled=False)


@pytest.fixture
def strict(identity_file: tuple[Path, Path]) -> Iterator[tuple[MailServer, _Login]]:
    """A server that wants STARTTLS and a login."""
    server, login = MailServer(), _Login()
    controller = Controller(
        server,
        hostname="127.0.0.1",
        port=server.port,
        tls_context=_context(identity_file[0]),
        require_starttls=True,
        auth_required=True,
        authenticator=login,
    )
    controller.start()
    yield server, login
    controller.stop()


def _trust(monkeypatch: pytest.MonkeyPatch, chain: Path) -> None:
    monkeypatch.setattr(ssl, "create_default_context", lambda: _trusting(chain))


def _trusting(chain: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(chain)
    return context


def _smtp(server: MailServer, password: str) -> SmtpServer:
    return SmtpServer("127.0.0.1", server.port, "me", password, tls=False, starttls=True)


def test_mail_is_sent_with_starttls_and_a_login(
    strict: tuple[MailServer, _Login],
    identity_file: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server, login = strict
    _trust(monkeypatch, identity_file[1])
    SmtpMailer(_smtp(server, "right"), sender=SENDER).send(MAIL)
    assert [received.recipients for received in server.received] == [[MAIL.recipient]]
    assert login.logins == [(b"me", b"right")]


def test_a_refused_login_does_not_show_the_password(
    strict: tuple[MailServer, _Login],
    identity_file: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server, _ = strict
    _trust(monkeypatch, identity_file[1])
    with pytest.raises(MailRefused, match=r"^SMTPAuthenticationError$"):
        SmtpMailer(_smtp(server, "s3cret"), sender=SENDER).send(MAIL)
    assert server.received == []


def test_a_server_with_an_unknown_certificate_gets_neither_login_nor_mail(
    strict: tuple[MailServer, _Login],
) -> None:
    server, login = strict
    with pytest.raises(MailRefused, match=r"^SSLCertVerificationError$"):
        SmtpMailer(_smtp(server, "right"), sender=SENDER).send(MAIL)
    assert (server.received, login.logins) == ([], [])


def test_starttls_is_never_given_up() -> None:
    server = MailServer()
    server.start()
    try:
        with pytest.raises(MailRefused, match=r"^SMTPNotSupportedError$"):
            SmtpMailer(_smtp(server, "right"), sender=SENDER).send(MAIL)
    finally:
        server.stop()
    assert server.received == []


def test_mail_is_sent_over_tls_from_the_start(
    identity_file: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = MailServer()
    controller = Controller(
        server, hostname="127.0.0.1", port=server.port, ssl_context=_context(identity_file[0])
    )
    controller.start()
    try:
        _trust(monkeypatch, identity_file[1])
        way = SmtpServer("127.0.0.1", server.port, "", "", tls=True, starttls=False)
        SmtpMailer(way, sender=SENDER).send(MAIL)
    finally:
        controller.stop()
    assert [received.recipients for received in server.received] == [[MAIL.recipient]]


def test_a_server_that_is_away_is_a_refusal() -> None:
    nowhere = SmtpServer("127.0.0.1", free_port(), "", "", tls=False, starttls=False)
    with pytest.raises(MailRefused, match=r"^ConnectionRefusedError$"):
        SmtpMailer(nowhere, sender=SENDER).send(MAIL)


def test_an_interrupt_in_the_middle_of_a_mail_is_none_of_the_mail_servers_business(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupted(connection: smtplib.SMTP, *_: object, **__: object) -> None:
        connection.docmd("NOOP")
        connection.send("NOOP\r\n")  # its answer is still to come
        raise KeyboardInterrupt

    monkeypatch.setattr(smtplib.SMTP, "send_message", interrupted)
    with mail_server() as server, pytest.raises(KeyboardInterrupt):
        SmtpMailer(_plain(server), sender=SENDER).send(MAIL)


@pytest.mark.parametrize("farewell", ["500 no", "221"])
def test_a_mail_that_was_taken_is_sent_however_the_server_takes_leave(
    monkeypatch: pytest.MonkeyPatch, farewell: str
) -> None:
    async def part(self: SMTP, _argument: str) -> None:
        await self.push(farewell)
        self.transport.close()

    monkeypatch.setattr(SMTP, "smtp_QUIT", part)
    with mail_server() as server:
        SmtpMailer(_plain(server), sender=SENDER).send(MAIL)
    assert len(server.received) == 1


def _plain(server: MailServer) -> SmtpServer:
    return SmtpServer("127.0.0.1", server.port, "", "", tls=False, starttls=False)


def test_a_connection_has_a_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[float] = []

    def connect(_host: str, _port: int, *, timeout: float) -> smtplib.SMTP:
        given.append(timeout)
        raise TimeoutError

    monkeypatch.setattr(smtplib, "SMTP", connect)
    with pytest.raises(MailRefused, match=r"^TimeoutError$"):
        SmtpMailer(SmtpServer("h", 25, "", "", tls=False, starttls=False), sender=SENDER).send(MAIL)
    assert given == [15]


@pytest.mark.parametrize(
    ("text", "shown", "envelope"),
    [
        ("id@example.org", "id@example.org", "id@example.org"),
        ("Acme <id@example.org>", "Acme <id@example.org>", "id@example.org"),
        ('"Acme, Inc." <id@example.org>', '"Acme, Inc." <id@example.org>', "id@example.org"),
        ("Acme, Inc. <id@example.org>", '"Acme, Inc." <id@example.org>', "id@example.org"),
        ("Büro <id@example.org>", "Büro <id@example.org>", "id@example.org"),
    ],
)
def test_a_sender_may_have_a_name(text: str, shown: str, envelope: str) -> None:
    with mail_server() as server:
        SmtpMailer(_plain(server), sender=read_mail_from(text)).send(MAIL)
    (received,) = server.received
    assert (received.message["From"], received.sender) == (shown, envelope)
    assert received.id == "<1@example.org>"


def _answering(monkeypatch: pytest.MonkeyPatch, command: str, answer: str) -> None:
    async def refuse(self: SMTP, _argument: str) -> None:
        await self.push(answer)

    monkeypatch.setattr(SMTP, f"smtp_{command}", refuse)


@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize(
    ("answer", "reply", "permanent"),
    [
        ("550 5.1.1 hawk@example.org: no such user", "550 5.1.1", True),
        ("554 rejected", "554", True),
        ("552 5.2.2", "552 5.2.2", True),
        ("450 4.2.0 greylisted", "450 4.2.0", False),
        ("451 try again", "451", False),
        ("530 5.7.0 log in first", "530 5.7.0", False),
    ],
)
def test_what_the_server_says_of_a_mail_is_permanent_or_not(
    monkeypatch: pytest.MonkeyPatch, command: str, answer: str, reply: str, permanent: bool
) -> None:
    _answering(monkeypatch, command, answer)
    with mail_server() as server, pytest.raises(MailRefused) as refused:
        SmtpMailer(_plain(server), sender=SENDER).send(MAIL)
    assert (refused.value.reply, refused.value.permanent) == (reply, permanent)


def test_a_server_that_refuses_every_recipient_says_nothing_of_a_mail(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _answering(monkeypatch, "EHLO", "554 5.7.1 not you")
    _answering(monkeypatch, "HELO", "554 5.7.1 not you")
    with mail_server() as server, pytest.raises(MailRefused) as refused:
        SmtpMailer(_plain(server), sender=SENDER).send(MAIL)
    assert refused.value.permanent is False
