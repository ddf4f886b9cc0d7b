"""Mail by the outbox and a real SMTP server: after any fault, each mail arrives."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Barrier, Event, Thread

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import create_engine, text

from identity.adapters.logs import JsonFormatter
from identity.domain.mail import Mail
from identity.domain.principal import operator
from identity.services.accounts.registration import NewAccount
from identity.services.mail.outbox import Outbox, OutboxState
from identity.settings import Settings
from support.app import services
from support.clock import ManualClock
from support.http import basic
from support.mail import EMAIL, Mailbox, MailServer, mail_server, register, token_in_mail

PUBLIC = "https://id.example.org"
SENDER = "identity@id.example.org"
ADMIN = ("admin", "changeme")


@pytest.fixture
def server() -> Iterator[MailServer]:
    with mail_server() as running:
        yield running


@pytest.fixture
def app(make_app: Callable[..., Flask], server: MailServer) -> Flask:
    """An application that sends to the server, without accounts."""
    return make_app(smtp_url=server.url, mail_from=SENDER, public_url=PUBLIC)


@pytest.fixture
def outbox(app: Flask) -> Outbox:
    found: Outbox = services(app).outbox
    return found


def test_a_mail_is_delivered_in_text_and_html(
    client: FlaskClient, outbox: Outbox, server: MailServer
) -> None:
    register(client)
    assert outbox.send_due() == 1
    (mail,) = server.received
    assert (mail.sender, mail.recipients) == (SENDER, [EMAIL])
    assert (mail.message["From"], mail.message["To"]) == (SENDER, EMAIL)
    assert mail.message["Subject"] == "Confirm your email address"
    assert mail.id.endswith("@id.example.org>")
    token = token_in_mail(mail.part("plain"))
    assert f"{PUBLIC}/activate?token={token}" in mail.part("plain")
    assert f'href="{PUBLIC}/activate?token={token}"' in mail.part("html")
    assert client.post("/api/activations", json={"token": token}).status_code == 200
    assert (outbox.send_due(), len(server.received)) == (0, 1)


def test_an_email_of_other_letters_gets_its_mail(
    client: FlaskClient, outbox: Outbox, server: MailServer
) -> None:
    register(client, email="hawk@bücher.example")
    assert outbox.send_due() == 1
    assert server.received[0].recipients == ["hawk@xn--bcher-kva.example"]


def test_a_mail_waits_while_the_server_is_away_and_comes_afterwards(
    client: FlaskClient, outbox: Outbox, server: MailServer, clock: ManualClock
) -> None:
    server.stop()
    register(client)
    assert client.post("/api/password-resets", json={"email": EMAIL}).status_code == 204
    assert outbox.send_due() == 0
    assert outbox.state() == OutboxState(waiting=2, sent=0, parked=0)
    server.start()
    assert outbox.send_due() == 0  # not yet its turn again
    clock.advance(seconds=10)
    assert outbox.send_due() == 2
    assert outbox.state() == OutboxState(waiting=0, sent=2, parked=0)
    assert {mail.message["Subject"] for mail in server.received} == {
        "Confirm your email address",
        "Choose a new password",
    }


def test_no_request_speaks_to_the_mail_server(app: Flask, client: FlaskClient) -> None:
    mailbox = Mailbox(app)
    mailbox.refusing = lambda _mail: pytest.fail("a request sent mail itself")
    register(client)
    client.post("/api/password-resets", json={"email": EMAIL})
    assert mailbox.mails == []


def test_retries_come_ever_later_and_end_parked(
    app: Flask, client: FlaskClient, clock: ManualClock
) -> None:
    mailbox, outbox = Mailbox(app), services(app).outbox
    tried: list[str] = []
    mailbox.refusing = lambda mail: bool(tried.append(mail.message_id) or True)
    register(client)
    outbox.send_due()
    for count, wait in enumerate([10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600], start=1):
        clock.advance(seconds=wait - 1)
        outbox.send_due()
        assert len(tried) == count
        clock.advance(seconds=1)
        outbox.send_due()
        assert len(tried) == count + 1
    assert len(set(tried)) == 1
    assert outbox.state() == OutboxState(waiting=0, sent=0, parked=1)
    clock.advance(days=30)
    mailbox.refusing = lambda _mail: False
    assert mailbox.collect() == []


def test_a_refused_recipient_does_not_stop_the_others(
    client: FlaskClient, outbox: Outbox, server: MailServer, clock: ManualClock
) -> None:
    server.refused = {"kite@example.org"}
    for name in ("kite", "hawk", "falcon"):
        register(client, name, f"{name}@example.org")
    assert outbox.send_due() == 2
    assert [mail.recipients for mail in server.received] == [
        ["hawk@example.org"],
        ["falcon@example.org"],
    ]
    assert outbox.state() == OutboxState(waiting=1, sent=2, parked=0)
    server.refused = set()
    clock.advance(seconds=10)
    assert outbox.send_due() == 1


def test_what_the_server_refuses_for_good_is_parked_at_once_and_its_code_logged(
    client: FlaskClient,
    outbox: Outbox,
    server: MailServer,
    clock: ManualClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    server.refused, server.refusal = {EMAIL}, "550 5.1.1 no such mailbox"
    register(client)
    register(client, "kite", "kite@example.org")
    assert outbox.send_due() == 1
    assert outbox.state() == OutboxState(waiting=0, sent=1, parked=1)
    assert "was rejected and parked: SMTPRecipientsRefused (550 5.1.1)" in caplog.text
    server.refused = set()
    clock.advance(days=1)
    assert outbox.send_due() == 0


def test_what_the_server_refuses_for_now_is_tried_again_and_its_code_logged(
    client: FlaskClient,
    outbox: Outbox,
    server: MailServer,
    clock: ManualClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    server.refused = {EMAIL}
    register(client)
    assert outbox.send_due() == 0
    assert "was rejected: SMTPRecipientsRefused (450 4.2.1)" in caplog.text
    server.refused = set()
    clock.advance(seconds=10)
    assert outbox.send_due() == 1


@pytest.mark.parametrize(
    ("mail_from", "shown"),
    [
        ("id@example.org", "Acme <id@example.org>"),
        ("Acme Accounts <id@example.org>", "Acme Accounts <id@example.org>"),
    ],
)
def test_the_service_has_a_name_in_its_mails(
    make_app: Callable[..., Flask], server: MailServer, mail_from: str, shown: str
) -> None:
    app = make_app(smtp_url=server.url, mail_from=mail_from, name="Acme")
    register(app.test_client(use_cookies=False))
    assert services(app).outbox.send_due() == 1
    (mail,) = server.received
    assert (mail.message["From"], mail.message["Subject"]) == (
        shown,
        "Acme: Confirm your email address",
    )
    assert mail.part("plain").splitlines()[0] == "Service: Acme"
    assert "Service: Acme<" in mail.part("html")


def test_the_services_name_is_identity_by_default(tmp_path: Path) -> None:
    read = Settings.load({"IDENTITY_DATA_DIR": str(tmp_path)})
    assert read.name == "Identity"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_a_mail_is_printed_as_a_mail(
    make_app: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Terminal()
    app = make_app(public_url=PUBLIC, name="Acme")
    register(app.test_client(use_cookies=False))
    monkeypatch.setattr(sys, "stderr", terminal)
    assert services(app).outbox.send_due() == 1
    printed = terminal.getvalue().splitlines()
    assert printed[1:4] == [
        "From: Acme <identity@localhost>",
        f"To: {EMAIL}",
        "Subject: Acme: Confirm your email address",
    ]
    token = next(line.removeprefix("Token: ") for line in printed if line.startswith("Token: "))
    assert f"{PUBLIC}/activate?token={token}" in printed
    assert app.test_client().post("/api/activations", json={"token": token}).status_code == 200


def test_a_bad_row_is_parked_and_does_not_stop_the_others(
    client: FlaskClient, outbox: Outbox, server: MailServer, clock: ManualClock, database_url: str
) -> None:
    register(client, "kite", "kite@example.org")
    register(client)
    engine = create_engine(database_url)
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE outbox_mail SET kind = 'nonsense' WHERE recipient = 'kite@example.org'")
        )
    engine.dispose()
    for _ in range(12):
        outbox.send_due()
        clock.advance(hours=1)
    assert [mail.recipients for mail in server.received] == [[EMAIL]]
    assert outbox.state() == OutboxState(waiting=0, sent=1, parked=1)


def test_a_server_that_hangs_up_after_data_gets_the_same_mail_again(
    client: FlaskClient, outbox: Outbox, server: MailServer, clock: ManualClock
) -> None:
    server.hang_ups = 2
    register(client)
    for _ in range(3):
        outbox.send_due()
        clock.advance(minutes=1)
    assert len(server.received) == 3
    assert len({mail.id for mail in server.received}) == 1
    assert outbox.state() == OutboxState(waiting=0, sent=1, parked=0)


def test_a_sender_that_ends_after_sending_sends_the_same_mail_again(
    app: Flask, client: FlaskClient, clock: ManualClock
) -> None:
    mailbox, outbox = Mailbox(app), services(app).outbox
    register(client)

    class Killed(BaseException):
        pass

    def die(mail: Mail) -> bool:
        mailbox.mails.append(mail)
        raise Killed

    mailbox.refusing = die
    with pytest.raises(Killed):
        outbox.send_due()
    mailbox.refusing = lambda _mail: False
    assert mailbox.collect() == []  # the dead sender's claim still stands
    clock.advance(minutes=2)
    assert len(mailbox.collect()) == 1
    assert len({mail.message_id for mail in mailbox.mails}) == 1
    assert len(mailbox.mails) == 2


def test_two_senders_at_once_send_nothing_twice(
    make_app: Callable[..., Flask], client: FlaskClient, server: MailServer
) -> None:
    for number in range(12):
        register(client, f"kite{number}", f"kite{number}@example.org")
    senders = [services(make_app(smtp_url=server.url)).outbox for _ in range(3)]
    start, sent = Barrier(6), [0] * 6

    def run(number: int) -> None:
        start.wait()
        sent[number] = senders[number % 3].send_due()

    threads = [Thread(target=run, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(sent) == len(server.received) == 12
    assert len({mail.id for mail in server.received}) == 12


def test_a_mail_on_its_way_is_not_sent_by_another(app: Flask, client: FlaskClient) -> None:
    mailbox, outbox = Mailbox(app), services(app).outbox
    register(client)
    begun, end = Event(), Event()

    def slowly(_mail: Mail) -> bool:
        begun.set()
        return not end.wait(60)

    mailbox.refusing = slowly
    sender = Thread(target=outbox.send_due)
    sender.start()
    assert begun.wait(60)
    assert outbox.send_due() == 0
    end.set()
    sender.join()
    assert len(mailbox.mails) == 1


def test_a_token_for_an_email_that_was_given_up_is_not_sent(
    client: FlaskClient, outbox: Outbox, server: MailServer
) -> None:
    register(client)
    for email in (None, "new@example.org", "newer@example.org", "last@example.org"):
        answer = client.patch(
            "/api/users/me", json={"email": email}, headers=basic("hawk", "newpwd")
        )
        assert answer.status_code == 200
    outbox.send_due()
    sent = [(mail.recipients, mail.message["Subject"]) for mail in server.received]
    assert sorted(sent) == sorted(
        [
            ([EMAIL], "Your email address was changed"),
            (["new@example.org"], "Confirm your email address"),
            (["new@example.org"], "A change of your email address was requested"),
            (["new@example.org"], "A change of your email address was requested"),
            (["last@example.org"], "Confirm your email address"),
        ]
    )
    assert outbox.state().parked == 2  # for the first email, and for one that was pending


def test_a_deleted_accounts_mails_go_with_it(
    client: FlaskClient, outbox: Outbox, server: MailServer
) -> None:
    register(client)
    assert client.delete("/api/users/me", headers=basic("hawk", "newpwd")).status_code == 204
    assert outbox.send_due() == 0
    assert outbox.state() == OutboxState(waiting=0, sent=0, parked=0)


def test_an_account_deleted_while_its_mail_is_refused_stops_nothing(
    app: Flask, client: FlaskClient
) -> None:
    mailbox, outbox = Mailbox(app), services(app).outbox
    register(client)
    register(client, "kite", "kite@example.org")

    def refuse(mail: Mail) -> bool:
        if mail.recipient == EMAIL:
            client.delete("/api/users/me", headers=basic("hawk", "newpwd"))
        return mail.recipient == EMAIL

    mailbox.refusing = refuse
    assert outbox.send_due() == 1
    assert outbox.state() == OutboxState(waiting=0, sent=1, parked=0)


def test_no_token_is_kept_in_the_outbox(
    client: FlaskClient, outbox: Outbox, server: MailServer, database_url: str
) -> None:
    register(client)
    client.post("/api/password-resets", json={"email": EMAIL})
    outbox.send_due()
    tokens = [token_in_mail(mail.part("plain")) for mail in server.received]
    assert len(tokens) == 2
    engine = create_engine(database_url)
    with engine.connect() as connection:
        rows = str(connection.execute(text("SELECT * FROM outbox_mail")).all())
        rows += str(connection.execute(text("SELECT * FROM audit_event")).all())
    engine.dispose()
    assert not any(token in rows or token.rpartition(".")[2] in rows for token in tokens)


def test_administrators_and_metrics_see_how_the_mail_goes(
    app: Flask, client: FlaskClient, outbox: Outbox, server: MailServer
) -> None:
    services(app).accounts.create(operator(), NewAccount(*ADMIN), admin=True)
    register(client)
    server.refused = {"kite@example.org"}
    register(client, "kite", "kite@example.org")
    outbox.send_due()
    assert client.get("/api/admin/outbox").status_code == 401
    assert client.get("/api/admin/outbox", headers=basic("hawk", "newpwd")).status_code == 403
    answer = client.get("/api/admin/outbox", headers=basic(*ADMIN))
    assert (answer.status_code, answer.json) == (200, {"waiting": 1, "sent": 1, "parked": 0})
    lines = client.get("/metrics").text.splitlines()
    for state, count in answer.json.items():
        assert f'identity_outbox_mails{{state="{state}"}} {count}' in lines
    assert EMAIL not in client.get("/metrics").text


def test_without_a_server_a_mail_is_printed_and_marked(
    make_app: Callable[..., Flask], caplog: pytest.LogCaptureFixture
) -> None:
    app = make_app(public_url=PUBLIC)
    register(app.test_client(use_cookies=False))
    assert services(app).outbox.send_due() == 1
    record = next(record for record in caplog.records if "printing the mail" in record.getMessage())
    fields = record.__dict__["fields"]
    assert record.getMessage().startswith("development:")
    assert fields["recipient"] == EMAIL
    token = token_in_mail(fields["text"])
    assert f"{PUBLIC}/activate?token={token}" in fields["text"]
    assert json.loads(JsonFormatter().format(record))["text"] == fields["text"]
    assert app.test_client().post("/api/activations", json={"token": token}).status_code == 200


def test_with_a_server_no_mail_is_in_the_log(
    client: FlaskClient, outbox: Outbox, server: MailServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.refused = {"kite@example.org"}
    register(client)
    register(client, "kite", "kite@example.org")
    outbox.send_due()
    logged = str([record.__dict__ for record in caplog.records])
    assert token_in_mail(server.received[0].part("plain")) not in logged
    assert "example.org" not in logged
    assert "was rejected" in logged
