"""continuous.sh: the examples of its document, and who may change which account."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from identity.store.models import Account, AuditEvent
from support.accounts import ADMIN, HAWK
from support.clock import ManualClock
from support.continuous import EMAIL, LOGIN, SECRET, UNKNOWN_UUID, USER, opens, require_problem
from support.database import account_row, table_rows
from support.dialects import UUID, DialectClient
from support.http import basic
from support.mail import ACTIVATION, CHANGED, RESET, Mailbox


@pytest.mark.parametrize("base", ["", "/users/api"])
def test_a_new_user_is_shown_by_uuid_and_email(say: DialectClient, base: str) -> None:
    answer = say.post(f"{base}/users", USER)
    assert (answer.status_code, answer.json) == (201, {"id": answer.json["id"], "email": EMAIL})
    assert UUID.fullmatch(answer.json["id"])
    row = account_row(say.app, EMAIL)
    assert (row["uuid"], row["full_name"], row["activated"], row["admin"]) == (
        answer.json["id"],
        "User name",
        False,
        False,
    )


@pytest.mark.parametrize("base", ["", "/users/api"])
def test_every_call_works_at_the_documented_base_too(
    say: DialectClient, mailbox: Mailbox, base: str
) -> None:
    uuid = say.post(f"{base}/users", USER).json["id"]
    assert say.get(f"{base}/users/{uuid}").json == {"id": uuid, "email": EMAIL, "activated": False}
    assert say.get(f"{base}/users/{uuid}/activate").json == {"id": uuid, "activated": True}
    assert say.get(f"{base}/users/{uuid}/").json == {"id": uuid, "email": EMAIL, "activated": True}
    token = say.post(f"{base}/sessions", LOGIN).json["token"]
    change = {
        "email": "new@email.tld",
        "password": "new-pass-word",
        "password_confirm": "new-pass-word",
    }
    changed = say.put(f"{base}/users/{uuid}", change, token=token)
    assert (changed.status_code, changed.data) == (204, b"")
    assert (
        say.get(f"{base}/users/{uuid}/activate?token={mailbox.token(ACTIVATION)}").status_code
        == 200
    )
    asked = say.post(f"{base}/passwords/reset", {"email": "new@email.tld"})
    assert (asked.status_code, asked.data) == (204, b"")
    redemption = change | {
        "password": "third-pass",
        "password_confirm": "third-pass",
        "token": mailbox.token(RESET),
    }
    redeemed = say.post(f"{base}/passwords", redemption)
    assert (redeemed.status_code, redeemed.data) == (204, b"")
    assert opens(say, "third-pass", "new@email.tld")


@pytest.mark.usefixtures("user")
@pytest.mark.parametrize("clash", [EMAIL, "EMAIL@DOMAIN.TLD"])
def test_a_taken_email_is_the_documented_401(say: DialectClient, clash: str) -> None:
    require_problem(say.post("/users", USER | {"email": clash}), 401, "email_taken")
    assert len(table_rows(say.app, Account)) == 3


def test_an_email_that_is_another_users_username_still_gets_an_account(say: DialectClient) -> None:
    say.client.post("/api/users", json={"username": EMAIL, "password": "another"})
    answer = say.post("/users", USER)
    assert (answer.status_code, answer.json["email"]) == (201, EMAIL)
    assert opens(say, SECRET)
    assert not opens(say, "another")


@pytest.mark.parametrize(
    "respell", [str.upper, lambda uuid: uuid.replace("-", ""), lambda uuid: uuid + "0"]
)
def test_a_uuid_has_one_spelling(
    say: DialectClient, user: str, respell: Callable[[str], str]
) -> None:
    assert say.get(f"/users/{user}").status_code == 200
    assert say.get(f"/users/{respell(user)}").status_code == 404


@pytest.mark.parametrize(
    ("change", "login"),
    [
        ({"email": "new@email.tld"}, LOGIN | {"email": "new@email.tld"}),
        (
            {"password": "new-pass-word", "password_confirm": "new-pass-word"},
            LOGIN | {"password": "new-pass-word"},
        ),
        ({}, LOGIN),
        (
            {
                "email": None,
                "password": None,
                "password_confirm": None,
                "id": UNKNOWN_UUID,
                "activated": True,
            },
            LOGIN,
        ),
    ],
)
def test_an_owner_changes_what_is_given(
    say: DialectClient, user: str, jwt: str, change: dict[str, Any], login: dict[str, str]
) -> None:
    mailbox = Mailbox(say.app)
    answer = say.put(f"/users/{user}", change, token=jwt)
    assert (answer.status_code, answer.data) == (204, b"")
    assert say.get(f"/users/{user}").json == {"id": user, "email": EMAIL, "activated": False}
    if login["email"] != EMAIL:  # in force once it is confirmed
        assert say.post("/sessions", login).status_code == 401
        say.get(f"/users/{user}/activate?token={mailbox.token(ACTIVATION)}")
    assert say.get(f"/users/{user}").json["email"] == login["email"]
    assert say.post("/sessions", login).status_code == 201


@pytest.mark.parametrize(
    "wrong",
    [
        {"password": "new-pass-word"},
        {"password_confirm": "new-pass-word"},
        {"password": "new-pass-word", "password_confirm": "other"},
        {"email": "new@email.tld", "password": "a", "password_confirm": "b"},
        {"email": "nobody"},
        {"email": 7},
    ],
)
def test_a_change_that_cannot_be_is_400_and_changes_nothing(
    say: DialectClient, user: str, jwt: str, wrong: dict[str, Any]
) -> None:
    before = account_row(say.app, EMAIL)
    require_problem(say.put(f"/users/{user}", wrong, token=jwt), 400, "invalid_input")
    assert account_row(say.app, EMAIL) == before


def test_a_taken_email_is_409_at_a_change(say: DialectClient, user: str, jwt: str) -> None:
    say.post("/users", USER | {"email": "other@domain.tld"})
    require_problem(
        say.put(f"/users/{user}", {"email": "OTHER@domain.tld"}, token=jwt), 409, "email_taken"
    )


def test_a_change_needs_a_credential_of_its_owner(say: DialectClient, user: str) -> None:
    change = {"email": "evil@domain.tld"}
    for headers in ({}, basic(EMAIL, "wrong"), {"Authorization": "Token x"}):
        answer = say.put(f"/users/{user}", change, headers=headers)
        require_problem(answer, 401, "authentication_failed")
        assert [value.split()[0] for value in answer.headers.getlist("WWW-Authenticate")] == [
            "Basic",
            "Bearer",
        ]
    require_problem(say.put(f"/users/{user}", change, headers=basic(*HAWK)), 404, "not_found")
    require_problem(
        say.put(f"/users/{UNKNOWN_UUID}", change, headers=basic(*HAWK)), 404, "not_found"
    )
    require_problem(
        say.put(f"/users/{UNKNOWN_UUID}", change, headers=basic(*ADMIN)), 404, "not_found"
    )
    assert say.get(f"/users/{user}").json["email"] == EMAIL


def test_an_administrator_changes_any_account_and_its_owner_is_notified(
    say: DialectClient, user: str, jwt: str, mailbox: Mailbox
) -> None:
    change = {"password": "new-pass-word", "password_confirm": "new-pass-word"}
    assert say.put(f"/users/{user}", change, headers=basic(*ADMIN)).status_code == 204
    assert opens(say, "new-pass-word")
    assert say.put(f"/users/{user}", {}, token=jwt).status_code == 401
    assert (EMAIL, CHANGED) in [(mail.recipient, mail.subject) for mail in mailbox.fetch()]


def test_asking_for_nothing_leaves_no_trace(
    say: DialectClient, user: str, jwt: str, clock: ManualClock
) -> None:
    before, trail = account_row(say.app, EMAIL), len(table_rows(say.app, AuditEvent))
    clock.advance(minutes=16)
    assert say.put(f"/users/{user}", {}, token=jwt).status_code == 204
    assert account_row(say.app, EMAIL) == before
    assert len(table_rows(say.app, AuditEvent)) == trail


def test_a_change_needs_an_authentication_within_15_minutes(
    say: DialectClient, user: str, jwt: str, clock: ManualClock
) -> None:
    clock.advance(minutes=16)
    require_problem(
        say.put(f"/users/{user}", {"email": "new@email.tld"}, token=jwt), 401, "step_up_required"
    )
    assert (
        say.put(
            f"/users/{user}", {"email": "new@email.tld"}, headers=basic(EMAIL, SECRET)
        ).status_code
        == 204
    )


def test_a_new_password_ends_the_other_sessions(say: DialectClient, user: str, jwt: str) -> None:
    other = say.post("/sessions", LOGIN).json["token"]
    change = {"password": "new-pass-word", "password_confirm": "new-pass-word"}
    assert say.put(f"/users/{user}", change, token=jwt).status_code == 204
    assert say.put(f"/users/{user}", {}, token=jwt).status_code == 204
    assert say.put(f"/users/{user}", {}, token=other).status_code == 401


@pytest.mark.usefixtures("user")
@pytest.mark.parametrize(
    "wrong",
    [
        {"password": "wrong"},
        {"email": "nobody@domain.tld"},
        {"email": "hawk", "password": "newpwd"},
        {"email": ""},
    ],
)
def test_every_wrong_login_is_the_same_401(say: DialectClient, wrong: dict[str, str]) -> None:
    answer = say.post("/sessions", LOGIN | wrong)
    require_problem(answer, 401, "authentication_failed")
    assert [value.split()[0] for value in answer.headers.getlist("WWW-Authenticate")] == [
        "Basic",
        "Bearer",
    ]


def test_a_user_may_log_in_before_activation_and_not_while_disabled(
    say: DialectClient, user: str, jwt: str
) -> None:
    account = account_row(say.app, EMAIL)
    say.client.post(f"/api/admin/users/{account['id']}/disable", headers=basic(*ADMIN))
    assert not opens(say, SECRET)
    assert say.put(f"/users/{user}", {}, token=jwt).status_code == 401
