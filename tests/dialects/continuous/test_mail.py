"""continuous.sh: activation and a new password with mailed tokens."""

from __future__ import annotations

import pytest

from identity.store.models import Account
from support.accounts import ADMIN
from support.clock import ManualClock
from support.continuous import EMAIL, SECRET, USER, opens, require_problem
from support.database import account_row, table_rows
from support.dialects import DialectClient
from support.http import basic
from support.mail import ACTIVATION, CHANGED, RESET, Mailbox


def test_activating_by_id_happens_once_and_proves_no_email(say: DialectClient, user: str) -> None:
    for _ in range(2):
        assert say.get(f"/users/{user}/activate").json == {"id": user, "activated": True}
    assert account_row(say.app, EMAIL)["email_verified"] is False
    kinds = [
        event["kind"]
        for event in say.client.get("/api/admin/audit", headers=basic(*ADMIN)).json["events"]
    ]
    assert kinds.count("account.activated") == 1


def test_activating_by_the_mailed_token_proves_the_email_once(
    say: DialectClient, user: str, mailbox: Mailbox
) -> None:
    token = mailbox.token(ACTIVATION)
    answer = say.get(f"/users/{user}/activate?token={token}")
    assert (answer.status_code, answer.json) == (200, {"id": user, "activated": True})
    assert account_row(say.app, EMAIL)["email_verified"] is True
    require_problem(say.get(f"/users/{user}/activate?token={token}"), 404, "invalid_token")


def test_a_token_activates_no_other_user_and_not_after_a_day(
    say: DialectClient, user: str, mailbox: Mailbox, clock: ManualClock
) -> None:
    other = say.post("/users", USER | {"email": "other@domain.tld"}).json["id"]
    token = (
        next(mail for mail in mailbox.fetch() if mail.recipient == EMAIL)
        .text.partition("Token: ")[2]
        .split()[0]
    )
    for uuid, given in ((other, token), (user, token[:-1]), (user, ""), (user, "x")):
        require_problem(say.get(f"/users/{uuid}/activate?token={given}"), 404, "invalid_token")
    clock.advance(hours=24)
    require_problem(say.get(f"/users/{user}/activate?token={token}"), 404, "invalid_token")
    assert not any(row["activated"] for row in table_rows(say.app, Account))


@pytest.mark.usefixtures("user")
def test_a_reset_goes_to_the_stored_email_alone(say: DialectClient, mailbox: Mailbox) -> None:
    assert say.post("/passwords/reset", {"email": "EMAIL@Domain.TLD"}).status_code == 204
    assert [mail.recipient for mail in mailbox.fetch() if mail.subject == RESET] == [EMAIL]


def test_a_reset_token_works_once_revokes_all_sessions_and_is_recorded(
    say: DialectClient, user: str, jwt: str, mailbox: Mailbox
) -> None:
    say.post("/passwords/reset", {"email": EMAIL})
    new = USER | {
        "password": "third-pass",
        "password_confirm": "third-pass",
        "token": mailbox.token(RESET),
    }
    assert say.post("/passwords", new).status_code == 204
    require_problem(
        say.post("/passwords", new | {"password": "x", "password_confirm": "x"}),
        404,
        "invalid_token",
    )
    assert opens(say, "third-pass")
    assert not opens(say, SECRET)
    assert say.put(f"/users/{user}", {}, token=jwt).status_code == 401
    assert (EMAIL, CHANGED) in [(mail.recipient, mail.subject) for mail in mailbox.fetch()]


@pytest.mark.usefixtures("user")
def test_a_reset_token_is_of_one_email_and_15_minutes(
    say: DialectClient, mailbox: Mailbox, clock: ManualClock
) -> None:
    say.post("/users", USER | {"email": "other@domain.tld"})
    activation = mailbox.token(ACTIVATION)
    say.post("/passwords/reset", {"email": EMAIL})
    token = mailbox.token(RESET)
    new = USER | {"password": "third-pass", "password_confirm": "third-pass", "token": token}
    for wrong in (
        {"email": "other@domain.tld"},
        {"email": ""},
        {"token": token + "x"},
        {"token": activation},
        {"token": ""},
    ):
        require_problem(say.post("/passwords", new | wrong), 404, "invalid_token")
    require_problem(
        say.post("/passwords", new | {"password_confirm": "other"}), 400, "invalid_input"
    )
    clock.advance(minutes=15)
    require_problem(say.post("/passwords", new), 404, "invalid_token")
    assert opens(say, SECRET)
