"""The mail server is down, slow, or hangs up after a mail, and senders are killed: no mail is
lost.

A mail may come twice, and then it has the same Message-ID: between handing it over and noting
that, nothing can be
done about a process that dies.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from support.faults.experiment import THREADS, Experiment, run_experiment
from support.faults.invariants import none
from support.faults.processes import all_processes, ended, kill, start_again
from support.live import serving
from support.mail import MailServer, Received, mail_server, token_in_mail
from support.waiting import wait_until

MORE = 8
SENDER = "identity@example.org"


@pytest.fixture
def server() -> Iterator[MailServer]:
    """The way out for mails."""
    with mail_server() as running:
        yield running


@pytest.fixture
def experiment(server: MailServer, tmp_path: Path, empty_database_url: str) -> Iterator[Experiment]:
    """A service that sends mail, on each database; no mail is lost, and its token is good
    once."""
    settings = {"database_url": empty_database_url, "smtp_url": server.url, "mail_from": SENDER}
    with (
        serving(tmp_path, *THREADS, **settings, public_url="https://id.example.org") as live,
        run_experiment([live], empty_database_url, mail=True, warm=6) as made,
    ):
        yield made
        deliver(made, server)
        for received in confirmations(server):
            made.recorder.secret(token_in_mail(received.part("plain")))
        redeem_twice(made, server)


def hurry(experiment: Experiment) -> None:
    """Let the time pass that a sender waits before it tries again, and the two minutes of a dead
    one's claim."""
    with experiment.engine.begin() as connection:
        connection.execute(
            text(
                "UPDATE outbox_mail SET next_attempt_at = created_at, claimed_until = NULL "
                "WHERE sent_at IS NULL"
            )
        )


def waiting(experiment: Experiment) -> int:
    with experiment.engine.connect() as connection:
        count: int = connection.execute(
            text("SELECT count(*) FROM outbox_mail WHERE sent_at IS NULL")
        ).scalar_one()
        return count


def deliver(experiment: Experiment, server: MailServer) -> None:
    """Every registered account gets a mail; one that comes twice is the same."""
    wait_until(lambda: waiting(experiment) == 0)
    mails = confirmations(server)
    recipients = {recipient for received in mails for recipient in received.recipients}
    none(
        each
        for each in experiment.recorder.ok("register")
        if f"{each.who}@example.org" not in recipients
    )
    senders = {(received.id, *received.recipients) for received in mails}
    assert len(senders) == len({received.id for received in mails}) == len(recipients)


def confirmations(server: MailServer) -> list[Received]:
    """Leave out what is told of certificates: of these there may be several for one."""
    return [
        received
        for received in server.received
        if received.message["Subject"].endswith("Confirm your email address")
    ]


def redeem_twice(experiment: Experiment, server: MailServer) -> None:
    """A token is valid once, however often it came."""
    disabled = {each.who for each in experiment.recorder.operations if each.kind == "disable"}
    mails = {
        received.recipients[0].partition("@")[0]: received for received in confirmations(server)
    }
    chosen = [name for name in mails if name not in disabled][:5]
    assert chosen
    for name in chosen:
        body = {"token": token_in_mail(mails[name].part("plain"))}
        statuses = [
            experiment.recorder.call(
                experiment.nodes[0].base,
                "POST",
                "/api/activations",
                kind="redeem",
                who=name,
                body=body,
                expect={200, 400},
            ).status
            for _ in range(2)
        ]
        assert statuses == [200, 400]


def test_mails_wait_while_the_mail_server_is_down(
    experiment: Experiment, server: MailServer
) -> None:
    server.stop()
    with experiment.load.running():
        experiment.load.wait_for(MORE)
    assert waiting(experiment) >= MORE
    time.sleep(1)  # a sender has tried in vain
    server.start()
    hurry(experiment)


def test_registrations_do_not_wait_for_a_slow_mail_server(
    experiment: Experiment, server: MailServer
) -> None:
    server.before_answer = lambda: time.sleep(2)
    with experiment.load.running():
        experiment.load.wait_for(MORE)
    assert waiting(experiment) > 1
    server.before_answer = lambda: None


def test_mails_after_which_the_server_hangs_up_come_again_as_the_same(
    experiment: Experiment, server: MailServer
) -> None:
    wait_until(lambda: waiting(experiment) == 0)
    server.hang_ups = 3
    with experiment.load.running():
        experiment.load.wait_for(MORE)
    wait_until(lambda: server.hang_ups == 0)
    wait_until(lambda: _attempted(experiment) == 3)
    hurry(experiment)
    wait_until(lambda: waiting(experiment) == 0)
    assert Counter(Counter(received.id for received in server.received).values())[2] == 3


def _attempted(experiment: Experiment) -> int:
    with experiment.engine.connect() as connection:
        query = "SELECT count(*) FROM outbox_mail WHERE attempts > 0 AND sent_at IS NULL"
        count: int = connection.execute(text(query)).scalar_one()
        return count


def test_mails_of_a_service_killed_while_sending_come_again_as_the_same(
    experiment: Experiment, server: MailServer
) -> None:
    (live,) = experiment.nodes
    wait_until(lambda: waiting(experiment) == 0)
    victims = all_processes(live)
    with experiment.load.running():
        with experiment.recorder.fault():
            server.before_answer = lambda: None if ended(*victims) else kill(*victims)
            wait_until(lambda: ended(*victims))
            start_again(live)
        experiment.load.wait_for(MORE)
    hurry(experiment)
    wait_until(lambda: waiting(experiment) == 0)
    assert Counter(Counter(received.id for received in server.received).values())[2] >= 1
