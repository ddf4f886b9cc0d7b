"""Password reset: by a mailed token, once, within 15 minutes; it invalidates all earlier
credentials."""

from __future__ import annotations

from collections.abc import Callable
from threading import Barrier, Thread

import pytest
from flask import Flask
from flask.testing import FlaskClient

from identity.domain.mail import Mail
from support.clock import ManualClock
from support.http import basic, bearer, token_of
from support.mail import EMAIL, Mailbox, register, token_in_mail

SUBJECT = "Choose a new password"
INVALID = 400
ADMIN = basic("admin", "changeme")


@pytest.fixture
def mailbox(app: Flask, client: FlaskClient) -> Mailbox:
    """A mailbox, and an account named kite that has it."""
    mailbox = Mailbox(app)
    register(client, "kite")
    mailbox.collect()
    return mailbox


def ask(client: FlaskClient, email: str = EMAIL, **headers: str) -> int:
    answer = client.post("/api/password-resets", json={"email": email}, headers=headers)
    assert answer.data == b""
    return answer.status_code


def redeem(client: FlaskClient, token: str, password: str = "brand new") -> int:
    answer = client.post("/api/password-resets/redeem", json={"token": token, "password": password})
    return answer.status_code


def logs_in(client: FlaskClient, password: str, name: str = "kite") -> bool:
    return client.get("/api/resource", headers=basic(name, password)).status_code == 200


def test_a_mailed_token_sets_the_password(client: FlaskClient, mailbox: Mailbox) -> None:
    assert ask(client) == 204
    assert redeem(client, mailbox.token(SUBJECT)) == 204
    assert logs_in(client, "brand new")
    assert not logs_in(client, "newpwd")


def test_a_reset_token_works_once(client: FlaskClient, mailbox: Mailbox) -> None:
    ask(client)
    token = mailbox.token(SUBJECT)
    redeem(client, token)
    assert redeem(client, token, "second") == INVALID
    assert not logs_in(client, "second")


@pytest.mark.parametrize(("minutes", "status"), [(14.99, 204), (15, 400), (60, 400)])
def test_a_reset_token_is_valid_for_15_minutes(
    client: FlaskClient, mailbox: Mailbox, clock: ManualClock, minutes: float, status: int
) -> None:
    ask(client)
    token = mailbox.token(SUBJECT)
    clock.advance(minutes=minutes)
    assert redeem(client, token) == status


def test_the_lifetime_of_a_token_begins_when_its_mail_is_sent(
    client: FlaskClient, mailbox: Mailbox, clock: ManualClock
) -> None:
    ask(client)
    clock.advance(hours=1)
    token = mailbox.token(SUBJECT)
    clock.advance(minutes=14)
    assert redeem(client, token) == 204


def test_all_older_tokens_end_with_the_first_that_is_used(
    client: FlaskClient, mailbox: Mailbox
) -> None:
    ask(client)
    first = mailbox.token(SUBJECT)
    ask(client)
    second = mailbox.token(SUBJECT)
    assert redeem(client, second) == 204
    assert redeem(client, first) == INVALID


def test_the_newest_token_is_the_only_one_that_works(client: FlaskClient, mailbox: Mailbox) -> None:
    tokens = []
    for _ in range(3):
        assert ask(client) == 204
        tokens.append(mailbox.token(SUBJECT))
    assert [redeem(client, each) for each in tokens] == [INVALID, INVALID, 204]
    assert logs_in(client, "brand new")


def test_a_token_works_until_a_newer_one_has_gone_out(
    client: FlaskClient, mailbox: Mailbox, clock: ManualClock
) -> None:
    ask(client)
    first = mailbox.token(SUBJECT)
    ask(client)
    mailbox.refusing = lambda _mail: True
    mailbox.collect()  # which the mail server does not take
    assert redeem(client, first) == 204
    mailbox.refusing = lambda _mail: False
    clock.advance(seconds=10)
    assert (
        redeem(client, mailbox.token(SUBJECT)) == INVALID
    )  # the account's credentials were changed since


def test_a_request_beyond_the_limit_ends_no_token(client: FlaskClient, mailbox: Mailbox) -> None:
    for _ in range(10):
        ask(client)
    assert redeem(client, mailbox.token(SUBJECT)) == 204


def test_a_token_whose_mail_arrived_before_the_server_hung_up_works(
    client: FlaskClient, mailbox: Mailbox, clock: ManualClock
) -> None:
    ask(client)
    first = mailbox.token(SUBJECT)
    ask(client)
    arrived: list[Mail] = []
    mailbox.refusing = lambda mail: bool(arrived.append(mail) or True)
    mailbox.collect()
    assert redeem(client, token_in_mail(arrived[0].text)) == 204
    assert redeem(client, first) == INVALID


def test_no_account_ends_a_token_of_another(client: FlaskClient, mailbox: Mailbox) -> None:
    register(client, "falcon", "falcon@example.org")
    ask(client)
    token = mailbox.token(SUBJECT)
    ask(client, "falcon@example.org")
    mailbox.collect()
    assert redeem(client, token) == 204


def change_password(client: FlaskClient) -> None:
    body = {"password": "other", "current_password": "newpwd"}
    assert (
        client.patch("/api/users/me", json=body, headers=basic("kite", "newpwd")).status_code == 200
    )


def remove_email(client: FlaskClient) -> None:
    body = {"email": None}
    assert (
        client.patch("/api/users/me", json=body, headers=basic("kite", "newpwd")).status_code == 200
    )


def remove_email_and_give_it_back(client: FlaskClient) -> None:
    remove_email(client)
    change_password(client)
    assert (
        client.patch(
            "/api/users/me", json={"email": EMAIL}, headers=basic("kite", "other")
        ).status_code
        == 200
    )


def log_out_everywhere(client: FlaskClient) -> None:
    assert client.delete("/api/sessions", headers=basic("kite", "newpwd")).status_code == 204


def delete(client: FlaskClient) -> None:
    assert client.delete("/api/users/me", headers=basic("kite", "newpwd")).status_code == 204


def delete_and_register_again(client: FlaskClient) -> None:
    delete(client)
    register(client, "kite")


def administer(client: FlaskClient, *verbs: str) -> None:
    number = client.get("/api/admin/users?search=kite", headers=ADMIN).json["users"][0]["id"]
    for verb in verbs:
        assert client.post(f"/api/admin/users/{number}/{verb}", headers=ADMIN).status_code == 200


def disable(client: FlaskClient) -> None:
    administer(client, "disable")


def disable_and_enable(client: FlaskClient) -> None:
    administer(client, "disable", "enable")


@pytest.mark.parametrize(
    "end",
    [
        change_password,
        remove_email,
        remove_email_and_give_it_back,
        log_out_everywhere,
        delete,
        delete_and_register_again,
        disable,
        disable_and_enable,
    ],
)
def test_a_reset_token_ends_when_the_accounts_credentials_are_invalidated(
    client: FlaskClient, mailbox: Mailbox, end: Callable[[FlaskClient], None]
) -> None:
    ask(client)
    token = mailbox.token(SUBJECT)
    end(client)
    assert redeem(client, token) == INVALID
    assert not logs_in(client, "brand new")


def test_a_disabled_account_may_get_a_password_and_stays_closed(
    client: FlaskClient, mailbox: Mailbox
) -> None:
    administer(client, "disable")
    assert ask(client) == 204
    assert redeem(client, mailbox.token(SUBJECT)) == 204
    assert not logs_in(client, "brand new")
    administer(client, "enable")
    assert logs_in(client, "brand new")


def test_an_activation_token_sets_no_password(
    app: Flask, client: FlaskClient, mailbox: Mailbox
) -> None:
    register(client, "falcon", "falcon@example.org")
    assert redeem(client, mailbox.token("Confirm your email address")) == INVALID


HERE, THERE = "198.51.100.7", "192.0.2.66"


@pytest.fixture
def strict(make_app: Callable[..., Flask]) -> tuple[FlaskClient, Mailbox]:
    """A service where four wrong passwords lock a name, and 20 an IP; kite has an email."""
    app = make_app(lockout_failures="4", ip_failures="20", trusted_proxies="127.0.0.1")
    client, mailbox = app.test_client(use_cookies=False), Mailbox(app)
    register(client, "kite")
    mailbox.collect()
    return client, mailbox


def tries(client: FlaskClient, password: str, at: str, name: str = "kite") -> int:
    headers = basic(name, password) | {"X-Forwarded-For": at}
    return client.get("/api/resource", headers=headers).status_code


def reset_from(client: FlaskClient, mailbox: Mailbox, at: str, password: str) -> int:
    ask(client)
    body = {"token": mailbox.token(SUBJECT), "password": password}
    return client.post(
        "/api/password-resets/redeem", json=body, headers={"X-Forwarded-For": at}
    ).status_code


@pytest.mark.parametrize("locked_from", [HERE, THERE])
def test_a_reset_lifts_the_lock_of_the_name_where_it_is_redeemed(
    strict: tuple[FlaskClient, Mailbox], locked_from: str
) -> None:
    client, mailbox = strict
    assert [tries(client, "wrong", locked_from) for _ in range(5)] == [401] * 4 + [429]
    assert tries(client, "newpwd", HERE) == 429
    assert reset_from(client, mailbox, HERE, "brand new") == 204
    for _ in range(10):
        assert tries(client, "wrong", THERE) == 429  # others fill the counter of the name anew
        assert tries(client, "brand new", HERE) == 200
    assert tries(client, "brand new", "203.0.113.9") == 429


def test_a_reset_lifts_what_was_counted_for_the_owner_at_this_ip(
    strict: tuple[FlaskClient, Mailbox],
) -> None:
    client, mailbox = strict
    assert tries(client, "newpwd", HERE) == 200  # known there, so with a counter of its own
    assert [tries(client, "wrong", HERE) for _ in range(5)] == [401] * 4 + [429]
    assert reset_from(client, mailbox, HERE, "brand new") == 204
    assert tries(client, "brand new", HERE) == 200


def test_a_reset_lets_the_owner_in_from_an_ip_that_is_locked(
    strict: tuple[FlaskClient, Mailbox],
) -> None:
    client, mailbox = strict
    assert [tries(client, "x", HERE, f"bird{number}") for number in range(21)][-1] == 429
    assert reset_from(client, mailbox, HERE, "brand new") == 204
    assert tries(client, "brand new", HERE) == 200
    assert tries(client, "x", HERE, "bird") == 429


def test_a_refused_token_lifts_no_lock(strict: tuple[FlaskClient, Mailbox]) -> None:
    client, _ = strict
    assert [tries(client, "wrong", HERE) for _ in range(5)][-1] == 429
    body = {"token": "x", "password": "brand new"}
    client.post("/api/password-resets/redeem", json=body, headers={"X-Forwarded-For": HERE})
    assert tries(client, "newpwd", HERE) == 429


def test_a_token_of_one_changes_nothing_of_another(client: FlaskClient, mailbox: Mailbox) -> None:
    register(client, "falcon", "falcon@example.org")
    ask(client)
    redeem(client, mailbox.token(SUBJECT))
    assert logs_in(client, "newpwd", "falcon")
    assert not logs_in(client, "brand new", "falcon")


def test_a_re_spelled_token_is_refused_and_the_genuine_one_still_works(
    client: FlaskClient, mailbox: Mailbox
) -> None:
    ask(client)
    token = mailbox.token(SUBJECT)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    others = [token[:-1] + alphabet[alphabet.index(token[-1]) ^ bits] for bits in (1, 2, 3)]
    respelled = [
        *others,
        token + "=",
        token + "!",
        token.upper(),
        "0" + token,
        f" {token}",
        token[:-1],
    ]
    assert {redeem(client, each) for each in respelled} == {INVALID}
    assert redeem(client, token) == 204


@pytest.mark.parametrize("password", ["", "a\tb", "x" * 257])
def test_an_unusable_password_leaves_the_token_valid(
    client: FlaskClient, mailbox: Mailbox, password: str
) -> None:
    ask(client)
    token = mailbox.token(SUBJECT)
    answer = client.post("/api/password-resets/redeem", json={"token": token, "password": password})
    assert (answer.status_code, answer.json["code"]) == (400, "invalid_input")
    assert redeem(client, token) == 204


def test_a_reset_ends_every_session_at_once(client: FlaskClient, mailbox: Mailbox) -> None:
    access = token_of(client, "kite", "newpwd")
    personal = client.post(
        "/nerveshub/users/login", json={"email": EMAIL, "password": "newpwd"}
    ).json["token"]
    opened = client.post("/continuous/sessions", json={"email": EMAIL, "password": "newpwd"}).json[
        "token"
    ]
    sliding = client.post("/azuma/user/login", json={"name": "kite", "password": "newpwd"}).json[
        "token"
    ]
    held = [access, personal, opened, sliding]
    assert [client.get("/api/resource", headers=bearer(each)).status_code for each in held] == [
        200
    ] * 4
    ask(client)
    redeem(client, mailbox.token(SUBJECT))
    assert [client.get("/api/resource", headers=bearer(each)).status_code for each in held] == [
        401
    ] * 4


def test_the_email_is_notified_afterwards_without_a_token(
    client: FlaskClient, mailbox: Mailbox
) -> None:
    ask(client)
    redeem(client, mailbox.token(SUBJECT))
    (mail,) = mailbox.collect()
    assert (mail.subject, mail.recipient) == ("Your password was changed", EMAIL)
    assert "Token" not in mail.text
    assert "http" not in mail.text


def test_a_refused_token_notifies_no_user(client: FlaskClient, mailbox: Mailbox) -> None:
    redeem(client, "x")
    assert mailbox.collect() == []


@pytest.mark.parametrize(
    "email",
    [
        "nobody@example.org",
        "mıke@example.org",
        "KITE",
        "two@example.org,kite@example.org",
        "",
        "x" * 300,
    ],
)
def test_an_unknown_email_gets_the_same_answer_and_no_mail(
    client: FlaskClient, mailbox: Mailbox, email: str
) -> None:
    known = client.post("/api/password-resets", json={"email": EMAIL})
    mailbox.collect()
    unknown = client.post("/api/password-resets", json={"email": email})
    assert (unknown.status_code, unknown.data) == (known.status_code, known.data) == (204, b"")
    assert [name for name, _ in unknown.headers] == [name for name, _ in known.headers]
    assert mailbox.collect() == []


@pytest.mark.parametrize(
    "email", [["hawk@example.org", "evil@example.org"], {"a": 1}, None, 7, True]
)
def test_an_email_that_is_no_text_is_refused(
    client: FlaskClient, mailbox: Mailbox, email: object
) -> None:
    answer = client.post("/api/password-resets", json={"email": email})
    assert (answer.status_code, answer.json["code"]) == (400, "invalid_input")
    assert mailbox.collect() == []


@pytest.mark.parametrize("typed", ["HAWK@EXAMPLE.ORG", "Hawk@example.Org"])
def test_a_mail_goes_to_the_stored_email_however_it_is_typed(
    client: FlaskClient, mailbox: Mailbox, typed: str
) -> None:
    ask(client, typed)
    assert [mail.recipient for mail in mailbox.collect()] == [EMAIL]


def test_three_mails_an_hour_are_written_and_the_answer_stays(
    client: FlaskClient, mailbox: Mailbox, clock: ManualClock
) -> None:
    assert [ask(client) for _ in range(10)] == [204] * 10
    assert len(mailbox.collect()) == 3
    clock.advance(minutes=14, seconds=59)
    ask(client)
    assert mailbox.collect() == []


def test_a_mail_goes_out_again_once_the_last_token_has_expired(
    client: FlaskClient, mailbox: Mailbox, clock: ManualClock
) -> None:
    for _ in range(10):
        ask(client)
    mailbox.collect()
    for _ in range(3):
        clock.advance(minutes=15)
        assert [ask(client) for _ in range(5)] == [204] * 5
        assert len(mailbox.collect()) == 1
    assert redeem(client, mailbox.token(SUBJECT)) == 204


OWNER, OTHERS = "198.51.100.200", [f"192.0.2.{number}" for number in range(1, 40)]


@pytest.fixture
def proxied(make_app: Callable[..., Flask]) -> tuple[FlaskClient, Mailbox]:
    """A service that hears of its callers' IPs; kite has an email."""
    app = make_app(trusted_proxies="127.0.0.1")
    client, mailbox = app.test_client(use_cookies=False), Mailbox(app)
    register(client, "kite")
    mailbox.collect()
    return client, mailbox


@pytest.mark.parametrize("asked", ["/api/password-resets", "/continuous/passwords/reset"])
def test_requests_of_another_ip_do_not_silence_the_owners(
    proxied: tuple[FlaskClient, Mailbox], asked: str
) -> None:
    client, mailbox = proxied
    for at, mails in ((OTHERS[0], 3), (OWNER, 3)):
        for _ in range(5):
            body = {"email": EMAIL}
            assert client.post(asked, json=body, headers={"X-Forwarded-For": at}).status_code == 204
        assert len(mailbox.collect()) == mails


def test_a_mailbox_is_no_target_of_many_ips_and_its_owner_is_not_cut_off(
    proxied: tuple[FlaskClient, Mailbox], clock: ManualClock
) -> None:
    client, mailbox = proxied
    for at in OTHERS:
        ask(client, **{"X-Forwarded-For": at})
    assert len(mailbox.collect()) == 12
    clock.advance(minutes=15)
    ask(client, **{"X-Forwarded-For": OWNER})
    assert len(mailbox.collect()) == 1


def test_a_request_is_in_the_audit_log(client: FlaskClient, mailbox: Mailbox) -> None:
    ask(client)
    redeem(client, mailbox.token(SUBJECT))
    events = client.get("/api/admin/audit", headers=ADMIN).json["events"]
    told = [
        (event["kind"], event["subject"], event["actor"])
        for event in events
        if event["kind"].startswith("password")
    ]
    assert told == [("password.changed", "kite", None), ("password.reset_requested", "kite", None)]


def test_a_hardened_service_asks_for_a_long_new_password(
    make_app: Callable[..., Flask], app: Flask, client: FlaskClient, mailbox: Mailbox
) -> None:
    ask(client)
    token = mailbox.token(SUBJECT)
    closed = make_app(hardened="true", argon2_memory_kib="19456", argon2_time="2").test_client()
    assert [redeem(closed, token, password) for password in ("short", "password1", "kite")] == [
        INVALID
    ] * 3
    assert redeem(closed, token, "long and unknown") == 204


def test_of_sixteen_at_once_one_wins_and_its_password_is_stored(
    app: Flask, client: FlaskClient, mailbox: Mailbox
) -> None:
    ask(client)
    token = mailbox.token(SUBJECT)
    start, statuses = Barrier(16), [0] * 16

    def race(number: int) -> None:
        own = app.test_client(use_cookies=False)
        start.wait()
        statuses[number] = redeem(own, token, f"password {number}")

    threads = [Thread(target=race, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winners = [number for number, status in enumerate(statuses) if status == 204]
    assert len(winners) == 1, statuses
    assert set(statuses) == {204, INVALID}
    assert [number for number in range(16) if logs_in(client, f"password {number}")] == winners
    assert [mail.subject for mail in mailbox.collect()] == ["Your password was changed"]
