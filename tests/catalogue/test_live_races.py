"""Races between two real processes on one database: the database decides, and nothing is done
twice."""

from __future__ import annotations

import itertools
import time
from typing import Any

import pytest
from cryptography import x509

from identity.domain.claims import OneTimeClaims, Purpose
from identity.services.mail.one_time_tokens import binding
from identity.services.work.accounts import find_account
from identity.store.models import Account
from support.app import services
from support.certificates import csr, new_key
from support.database import execute, rows
from support.http import basic, bearer
from support.two_nodes import (
    LIMIT,
    Pair,
    Reply,
    new_name,
    require_one_winner,
    statuses,
    within_a_second,
)

ROUNDS = 2
CROWD = 16
pytestmark = pytest.mark.timeout(300)  # two services start first, twice
PASSWORD = "newpwd"
ADMIN = basic("admin", "changeme")
MAILS = {Purpose.ACTIVATION: "activation", Purpose.RESET: "password_reset"}


def register(pair: Pair, name: str, **more: str) -> int:
    """Make an account; return its id."""
    made = pair.ask(0, "POST", "/api/users", {"username": name, "password": PASSWORD, **more})
    assert made.status == 201, made.text
    return int(made.headers["location"].rpartition("/")[2])


def token_of(pair: Pair, name: str, node: int = 0) -> str:
    """Log in on one node."""
    answer = pair.ask(node, "GET", "/api/token", None, basic(name, PASSWORD))
    assert answer.status == 200, answer.text
    token: str = answer.json()["token"]
    return token


def mailed(pair: Pair, purpose: Purpose, account_id: int) -> str:
    """Return the token that the newest mail of a kind to this account carries."""
    outbox = services(pair.app).outbox
    account = outbox._transactions.read(
        lambda session: find_account(session, Account.id == account_id)
    )
    assert account is not None
    newest = (
        "SELECT message_id FROM outbox_mail WHERE account_id = :id AND kind = :kind ORDER BY "
        "id DESC LIMIT 1"
    )
    ((mail,),) = rows(pair.app, newest, id=account_id, kind=MAILS[purpose])
    bound = binding(purpose, account.email_canonical, mail)
    return outbox._tokens.sign(
        purpose, OneTimeClaims(account_id, account.version, int(time.time()) + 600, bound)
    )


def dead_everywhere(pair: Pair, tokens: list[str]) -> None:
    """Make sure that within a second no node takes any of these tokens."""
    for number in (0, 1):
        for token in tokens:
            within_a_second(
                lambda n=number, t=token: (
                    pair.ask(n, "GET", "/api/resource", None, bearer(t)).status == 401
                )
            )


def spellings(stem: str, count: int) -> list[str]:
    cases = itertools.product(*((letter, letter.upper()) for letter in stem))
    return ["".join(letters) for letters in itertools.islice(cases, count)]


@pytest.mark.parametrize("folded", [False, True], ids=["one name", "names equal after folding"])
def test_one_of_thirty_two_gets_a_name(pair: Pair, folded: bool) -> None:
    for number in range(ROUNDS):
        stem = f"falco{'abc'[number]}{'n' if folded else 'm'}"
        names = spellings(stem, CROWD * 2) if folded else [stem] * CROWD * 2
        wanted = [{"username": name, "password": f"pass-{n:02}"} for n, name in enumerate(names)]
        replies = pair.race(*(("POST", "/api/users", body) for body in wanted))
        winner = wanted[require_one_winner(replies, 201, 400)]
        found = rows(
            pair.app, "SELECT username FROM account WHERE username_canonical = :name", name=stem
        )
        assert found == [(winner["username"],)]
        for node in (0, 1):
            assert (
                pair.ask(node, "GET", "/api/token", None, basic(stem, winner["password"])).status
                == 200
            )


def test_one_of_sixteen_gets_an_email_however_it_is_spelled(pair: Pair) -> None:
    for number in range(ROUNDS):
        local = f"kim{'abc'[number]}"
        domains = ("bücher.example", "xn--bcher-kva.example")
        emails = [f"{name}@{domain}" for name in spellings(local, 8) for domain in domains]
        bodies = ({"username": new_name(), "password": PASSWORD, "email": each} for each in emails)
        replies = pair.race(*(("POST", "/api/users", body) for body in bodies))
        require_one_winner(replies, 201, 400)
        canonical = f"{local}@xn--bcher-kva.example"
        assert (
            len(rows(pair.app, "SELECT id FROM account WHERE email_canonical = :it", it=canonical))
            == 1
        )


@pytest.mark.parametrize("what", ["name", "email"])
def test_one_of_sixteen_changes_to_the_same(pair: Pair, what: str) -> None:
    for number in range(ROUNDS):
        names = [new_name("swan") for _ in range(CROWD)]
        for name in names:
            register(pair, name)
        headers = [bearer(token_of(pair, name, n)) for n, name in enumerate(names)]
        forms = spellings(f"wanted{'abc'[number]}", CROWD)
        bodies = [
            {"username": each} if what == "name" else {"email": f"{each}@example.org"}
            for each in forms
        ]
        asks = zip(bodies, headers, strict=True)
        replies = pair.race(*(("PATCH", "/api/users/me", body, header) for body, header in asks))
        require_one_winner(replies, 200, 409)
        key = "username_canonical" if what == "name" else "email_canonical"
        wanted = forms[0] if what == "name" else f"{forms[0]}@example.org"
        assert len(rows(pair.app, f"SELECT id FROM account WHERE {key} = :it", it=wanted)) == 1  # noqa: S608 - ours


def test_an_activation_token_is_used_once(pair: Pair) -> None:
    for _ in range(ROUNDS):
        name = new_name()
        number = register(pair, name, email=f"{name}@example.org")
        body = {"token": mailed(pair, Purpose.ACTIVATION, number)}
        replies = pair.race(*[("POST", "/api/activations", body)] * CROWD)
        require_one_winner(replies, 200, 400)
        told = (
            "SELECT count(*) FROM audit_event WHERE kind = 'account.activated' AND subject_id = :id"
        )
        assert rows(pair.app, told, id=number) == [(1,)]


def test_a_reset_token_is_used_once_and_its_winners_password_is_kept(pair: Pair) -> None:
    for _ in range(ROUNDS):
        name = new_name()
        number = register(pair, name, email=f"{name}@example.org")
        assert (
            pair.ask(0, "POST", "/api/password-resets", {"email": f"{name}@example.org"}).status
            == 204
        )
        token = mailed(pair, Purpose.RESET, number)
        passwords = [f"chosen-{n:02}" for n in range(CROWD)]
        bodies = ({"token": token, "password": each} for each in passwords)
        replies = pair.race(*(("POST", "/api/password-resets/redeem", body) for body in bodies))
        winner = require_one_winner(replies, 204, 400)
        good = [
            pair.ask(n, "GET", "/api/resource", None, basic(name, each)).status
            for n, each in enumerate(passwords)
        ]
        assert good == [200 if n == winner else 401 for n in range(CROWD)]


@pytest.mark.parametrize(
    "end",
    [("DELETE", "/api/token", None), ("DELETE", "/api/sessions", None)],
    ids=["this session", "all sessions"],
)
def test_a_renewal_that_meets_the_end_of_its_session_leaves_nothing_valid(
    pair: Pair, end: tuple[Any, ...]
) -> None:
    for number in range(ROUNDS):
        name = new_name()
        register(pair, name)
        token = token_of(pair, name, number)
        renewals = [("POST", "/api/token", None, bearer(token))] * (CROWD - 1)
        asks = [*renewals[:number], (*end, bearer(token)), *renewals[number:]]
        replies = pair.race(*asks)
        bought = [each.json()["token"] for each in replies if each.status == 200]
        assert statuses(replies).keys() <= {200, 204, 401, 503}
        assert statuses(replies)[204] == 1
        dead_everywhere(pair, [token, *bought])


def test_one_active_administrator_stays(pair: Pair) -> None:
    ends = {
        "delete": lambda number: ("DELETE", f"/api/admin/users/{number}", None),
        "demote": lambda number: ("PATCH", f"/api/admin/users/{number}", {"admin": False}),
        "disable": lambda number: ("POST", f"/api/admin/users/{number}/disable", None),
    }
    execute(pair.app, "UPDATE account SET admin = :no WHERE username = 'admin'", no=False)
    try:
        for one, two in itertools.combinations_with_replacement(ends, 2):
            names = [new_name("boss"), new_name("boss")]
            numbers = [register(pair, name) for name in names]
            execute(pair.app, "UPDATE account SET admin = :no", no=False)
            execute(
                pair.app,
                "UPDATE account SET admin = :yes WHERE id IN (:a, :b)",
                yes=True,
                a=numbers[0],
                b=numbers[1],
            )
            replies = pair.race(
                (*ends[one](numbers[1]), basic(names[0], PASSWORD)),
                (*ends[two](numbers[0]), basic(names[1], PASSWORD)),
            )
            active = rows(pair.app, "SELECT id FROM account WHERE admin AND NOT disabled")
            assert len(active) == 1, statuses(replies)
            assert sorted(each.status < 300 for each in replies) == [False, True]
    finally:
        execute(pair.app, "UPDATE account SET admin = (username = 'admin')")


def test_sixteen_signings_have_sixteen_recorded_serials(pair: Pair) -> None:
    name = new_name()
    number = register(pair, name)
    bodies = [{"csr": csr(new_key())} for _ in range(CROWD)]
    replies = pair.race(
        *(("POST", "/api/certificates", body, basic(name, PASSWORD)) for body in bodies)
    )
    assert statuses(replies).keys() <= {201, 503}, [each.text for each in replies]
    signed = [each for each in replies if each.status == 201]
    given = {
        str(x509.load_pem_x509_certificate(each.json()["cert"].encode()).serial_number)
        for each in signed
    }
    kept = {
        serial
        for (serial,) in rows(
            pair.app, "SELECT serial FROM certificate WHERE account_id = :id", id=number
        )
    }
    assert given == kept
    assert len(given) == len(signed) > 1


def test_one_key_is_signed_for_one_of_two_users(pair: Pair) -> None:
    for _ in range(ROUNDS):
        names, request = [new_name(), new_name()], csr(new_key())
        for name in names:
            register(pair, name)
        asks = [
            ("POST", "/api/certificates", {"csr": request}, basic(names[n % 2], PASSWORD))
            for n in range(8)
        ]
        replies = pair.race(*asks)
        assert statuses(replies).keys() <= {201, 400, 503}
        signed = {n % 2 for n, each in enumerate(replies) if each.status == 201}
        assert len(signed) == 1


def _certificate_is_dead(pair: Pair, reply: Reply) -> bool:
    serial = str(x509.load_pem_x509_certificate(reply.json()["cert"].encode()).serial_number)
    alive = (
        "SELECT serial FROM certificate JOIN account ON account.id = account_id WHERE serial "
        "= :serial"
        " AND revoked_at IS NULL AND certificate.version = account.version AND NOT disabled"
    )
    return rows(pair.app, alive, serial=serial) == []


@pytest.mark.parametrize("end", ["DELETE", "disable"])
def test_what_meets_the_end_of_its_account_is_invalid(pair: Pair, end: str) -> None:
    for number in range(ROUNDS):
        name = new_name()
        account = register(pair, name)
        token, secret = token_of(pair, name), basic(name, PASSWORD)
        path = f"/api/admin/users/{account}"
        ending = (
            ("DELETE", path, None, ADMIN)
            if end == "DELETE"
            else ("POST", f"{path}/disable", None, ADMIN)
        )
        asks = [
            *[("GET", "/api/token", None, secret)] * 6,
            *[("POST", "/api/token", None, bearer(token))] * 5,
            *(("POST", "/api/certificates", {"csr": csr(new_key())}, secret) for _ in range(4)),
        ]
        replies = pair.race(*asks[: number * 5], ending, *asks[number * 5 :])
        assert statuses(replies).keys() <= {200, 201, 204, 401, 503}, statuses(replies)
        bought = [
            each.json()["token"] for each in replies if "token" in each.text and each.status == 200
        ]
        dead_everywhere(pair, [token, *bought])
        assert all(_certificate_is_dead(pair, each) for each in replies if each.status == 201)
        orphans = "SELECT id FROM session WHERE account_id NOT IN (SELECT id FROM account)"
        assert rows(pair.app, orphans) == []


@pytest.mark.parametrize("known", [True, False], ids=["known name", "unknown name"])
def test_sixty_four_guesses_at_the_edge_of_the_limit_get_one_try(pair: Pair, known: bool) -> None:
    name = new_name()
    if known:
        register(pair, name)
    wrong = basic(name, "wrong")
    for number in range(LIMIT - 1):
        assert pair.ask(number, "GET", "/api/resource", None, wrong).status == 401
    body = {"email": name, "password": "wrong"}
    ways = [
        ("GET", "/api/resource", None, wrong),
        ("POST", "/azuma/user/login", {"name": name, "password": "wrong"}),
    ]
    ways += [
        ("POST", "/nerveshub/users/auth", body),
        ("POST", "/wekan/users/login", body | {"username": name}),
    ]
    replies = pair.race(*(ways * CROWD))
    tried = [each for each in replies if each.status != 429]
    assert len(tried) == 1, statuses(replies)
    assert statuses(replies)[429] == 4 * CROWD - 1
    refused = (
        "SELECT count(*) FROM audit_event "
        "WHERE kind = 'authentication' AND outcome = 'refused' AND subject = :name"
    )
    kept_as = name if known else services(pair.app).audit._pseudonyms.of(name)
    assert rows(pair.app, refused, name=kept_as) == [(LIMIT,)]
