"""Wekan: registration and login, in form and JSON, with its ids and tokens."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask import Flask

from identity.services.accounts.new_account import is_first
from support.accounts import ADMIN, populate
from support.app import services
from support.clock import ManualClock
from support.dialects import DialectClient, dialect_client_of
from support.http import basic
from support.wekan import FORBIDDEN, UNAUTHORIZED, USER, login


@pytest.mark.parametrize(("kind", "slash"), [("json", ""), ("data", ""), ("json", "/")])
def test_registering_logs_in_with_id_token_and_its_end(
    say: DialectClient, kind: str, slash: str
) -> None:
    answer = say.post(f"/users/register{slash}", **{kind: USER})
    assert (answer.status_code, answer.json.keys()) == (200, {"id", "token", "tokenExpires"})
    assert re.fullmatch(r"[23456789A-HJ-NP-Za-km-z]{17}", answer.json["id"])
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", answer.json["token"])
    assert answer.json["tokenExpires"] == "2026-04-01T12:00:00.000Z"
    own = say.get("/api/user", token=answer.json["token"]).json
    assert (own["_id"], own["username"], own["isAdmin"]) == (answer.json["id"], "myusername", False)


def test_a_token_is_valid_for_ninety_days(say: DialectClient, clock: ManualClock) -> None:
    token = say.post("/users/register", USER).json["token"]
    clock.advance(days=90, seconds=-1)
    assert say.get("/api/user", token=token).json["username"] == "myusername"
    clock.advance(seconds=1)
    assert say.get("/api/user", token=token).json == UNAUTHORIZED


@pytest.mark.parametrize("absent", ["username", "email"])
def test_one_of_username_and_email_is_enough(say: DialectClient, absent: str) -> None:
    body = {name: text for name, text in USER.items() if name != absent}
    own = say.get("/api/user", token=say.post("/users/register", body).json["token"]).json
    assert own["username"] == {"username": "my@email.com", "email": "myusername"}[absent]
    assert own["emails"] == (
        [{"address": "my@email.com", "verified": False}] if absent == "username" else []
    )


@pytest.mark.parametrize("mode", ["admin", "closed"])
def test_registration_that_is_not_open_is_403_with_an_empty_body(
    make_app: Callable[..., Flask], mode: str
) -> None:
    app = make_app(registration=mode)
    populate(app)
    with dialect_client_of(app, "/wekan") as say:
        refused = say.post("/users/register", USER)
        assert (refused.status_code, refused.data) == (403, b"")
        assert say.post("/api/users", USER, token=login(say, *ADMIN)).status_code == 200


def test_asking_what_registration_can_do_answers_200_without_a_body(still: DialectClient) -> None:
    answer = still.ask("OPTIONS", "/users/register")
    assert (answer.status_code, answer.data) == (200, b"")


def test_the_first_account_of_all_is_an_administrator_and_no_later_one(
    make_app: Callable[..., Flask],
) -> None:
    with dialect_client_of(make_app(), "/wekan") as say:
        first, second = (
            say.post("/users/register", {"username": name, "password": "tester"}) for name in "ab"
        )
        assert say.get("/api/users", token=first.json["token"]).json == [
            {"_id": first.json["id"], "username": "a"},
            {"_id": second.json["id"], "username": "b"},
        ]
        assert say.get("/api/users", token=second.json["token"]).json == FORBIDDEN


def test_the_first_account_here_is_no_administrator_after_one_made_elsewhere(
    make_app: Callable[..., Flask],
) -> None:
    with dialect_client_of(make_app(), "/wekan") as say:
        say.client.post("/azuma/user/register", json={"name": "azuma", "password": "neo"})
        token = say.post("/users/register", USER).json["token"]
        assert say.get("/api/user", token=token).json["isAdmin"] is False


def test_the_loser_of_the_race_for_the_first_account_still_gets_one(
    make_app: Callable[..., Flask],
) -> None:
    app = make_app()
    with dialect_client_of(app, "/wekan") as say:
        first_is_taken(app)
        answer = say.post("/users/register", USER)
        assert answer.status_code == 200, answer.text
        assert say.get("/api/user", token=answer.json["token"]).json["isAdmin"] is False


def first_is_taken(app: Flask) -> None:
    """Leave the database as the loser of a race finds it: the winner's mark is there, the account
    not yet seen.
    """
    accounts = services(app).accounts
    assert accounts._transactions.write_unattended(lambda tx: is_first(tx.session))


@pytest.mark.parametrize(
    "named", [{"username": "myusername"}, {"username": "MYUSERNAME"}, {"email": "my@email.com"}]
)
@pytest.mark.parametrize("kind", ["json", "data"])
def test_a_login_is_by_username_or_email_each_with_a_token_of_its_own(
    say: DialectClient, named: dict[str, str], kind: str
) -> None:
    made = say.post("/users/register", USER).json
    answer = say.post("/users/login", **{kind: named | {"password": USER["password"]}})
    assert (answer.status_code, answer.json.keys()) == (200, {"id", "token", "tokenExpires"})
    assert answer.json["id"] == made["id"]
    for token in (made["token"], answer.json["token"]):
        assert say.get("/api/user", token=token).json["_id"] == made["id"]


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "token"])
def test_a_token_travels_under_any_of_its_schemes(
    still: DialectClient, hawk: str, scheme: str
) -> None:
    assert (
        still.get("/api/user", headers={"Authorization": f"{scheme} {hawk}"}).json["username"]
        == "hawk"
    )


def test_a_token_travels_in_the_query_too_and_never_beside_a_header(
    still: DialectClient, hawk: str, admin: str
) -> None:
    assert still.get(f"/api/user?access_token={hawk}").json["username"] == "hawk"
    assert still.get(f"/api/user?access_token={hawk}", token=admin).json["username"] == "admin"
    assert (
        still.get(f"/api/user?access_token={hawk}", headers=basic("hawk", "wrong")).json
        == UNAUTHORIZED
    )
    for query in ("", "?access_token=", "?access_token=wrong", "?token=wrong"):
        assert still.get(f"/api/user{query}").json == UNAUTHORIZED
    assert still.get(f"/api/user?token={hawk}").status_code == 400


@pytest.mark.parametrize(
    "path", ["/azuma/user/update", "/continuous/users/x", "/api/resource", "/nerveshub/users/me"]
)
def test_no_other_dialect_takes_a_token_from_the_query(
    still: DialectClient, hawk: str, path: str
) -> None:
    method = "PATCH" if path.startswith("/azuma") else "GET"
    answer = still.client.open(f"{path}?access_token={hawk}", method=method, json={})
    assert answer.status_code == 400
