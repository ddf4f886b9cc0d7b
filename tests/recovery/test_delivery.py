"""Real processes send mail: the thread inside the service, and `identity send-mail`."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from support.live import COMMAND, Live, environment, identity, serving
from support.mail import EMAIL, MailServer, mail_server, token_in_mail
from support.postgresql import free_port
from support.waiting import wait_until

SENDER = "identity@example.org"


@pytest.fixture
def server() -> Iterator[MailServer]:
    with mail_server() as running:
        yield running


def registered(live: Live) -> None:
    body = json.dumps({"username": "hawk", "password": "newpwd", "email": EMAIL})
    answer = live.curl("/api/users", "-H", "Content-Type: application/json", "-d", body)
    assert answer.status == 201, answer.body


@contextmanager
def sending(variables: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run `identity send-mail`."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [COMMAND, "send-mail"], env=variables, stdout=output, stderr=output
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_the_service_delivers_by_itself(server: MailServer, tmp_path: Path) -> None:
    with serving(
        tmp_path, smtp_url=server.url, mail_from=SENDER, public_url="https://id.example.org"
    ) as live:
        registered(live)
        (mail,) = server.wait_for(1)
        token = token_in_mail(mail.part("plain"))
        answer = live.curl("/activate", "--data-urlencode", f"token={token}")
        assert (answer.status, mail.recipients) == (200, [EMAIL])
        assert token not in live.output()


def test_a_sender_of_its_own_delivers_and_ends_with_ctrl_c(
    server: MailServer, tmp_path: Path, database_url: str
) -> None:
    wanted = {"IDENTITY_DATABASE_URL": database_url, "IDENTITY_MAIL_FROM": SENDER}
    variables = environment(tmp_path, wanted | {"IDENTITY_SMTP_URL": server.url})
    server.stop()
    made = identity(variables, "create-admin", "chief", "--email", EMAIL, given="newpwd\n")
    assert made.returncode == 0, made.stderr
    with sending(variables, tmp_path / "sender.log") as process:
        server.start()
        (mail,) = server.wait_for(1)
        assert mail.recipients == [EMAIL]
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 1
    assert "interrupted" in (tmp_path / "sender.log").read_text()


def test_a_sender_killed_before_it_knew_sends_the_same_mail_again(
    server: MailServer, tmp_path: Path, database_url: str
) -> None:
    variables = environment(
        tmp_path, {"IDENTITY_DATABASE_URL": database_url, "IDENTITY_SMTP_URL": server.url}
    )
    identity(variables, "create-admin", "chief", "--email", EMAIL, given="newpwd\n")
    with sending(variables, tmp_path / "first.log") as process:
        server.before_answer = process.kill
        server.wait_for(1)
        process.wait(timeout=60)
    server.before_answer = lambda: None
    engine = create_engine(database_url)
    with engine.begin() as connection:  # as if the dead sender's two minutes were over
        assert (
            connection.execute(
                text("UPDATE outbox_mail SET claimed_until = next_attempt_at")
            ).rowcount
            == 1
        )
    engine.dispose()
    with sending(variables, tmp_path / "second.log"):
        first, second = server.wait_for(2)
    assert first.id == second.id


def test_without_a_server_the_service_prints_mails_for_development(tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "1", public_url="http://127.0.0.1") as live:
        registered(live)
        line = _waited_for(live, "development: IDENTITY_SMTP_URL is not set")
        assert json.loads(line)["recipient"] == EMAIL
        assert "http://127.0.0.1/activate?token=" in json.loads(line)["text"]


def test_a_sender_without_a_database_stops_with_one_line(tmp_path: Path) -> None:
    nowhere = f"postgresql+psycopg://nobody@127.0.0.1:{free_port()}/none"
    ended = identity(environment(tmp_path, {"IDENTITY_DATABASE_URL": nowhere}), "send-mail")
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)


def _waited_for(live: Live, words: str) -> str:
    wait_until(lambda: words in live.output())
    return next(line for line in live.output().splitlines() if words in line)
