"""The native dialect for administrators: other accounts, and the audit log."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import insert

from identity.store.models import Account
from support.accounts import ADMIN, HAWK, populate
from support.clock import ManualClock
from support.http import basic, bearer
from support.secret_checks import USER, CheckedClient, checked_client, time

USERS, AUDIT = "/api/admin/users", "/api/admin/audit"
EVENT = {
    "id",
    "at",
    "kind",
    "outcome",
    "actor_id",
    "actor",
    "subject_id",
    "subject",
    "credential",
} | {
    "ip",
    "dialect",
    "request_id",
}


@pytest.fixture
def native(app: Flask) -> CheckedClient:
    return checked_client(app)


def make_users(native: CheckedClient, *names: str) -> None:
    for name in names:
        email = f"{name}@birds.example" if name.islower() else None
        native.ask(
            "POST", USERS, 201, ADMIN, username=name, password=f"{name}-password", email=email
        )


def names_of(native: CheckedClient, query: str = "") -> list[str]:
    return [user["username"] for user in native.ask("GET", f"{USERS}?{query}", 200, ADMIN)["users"]]


def test_users_are_listed_newest_first(native: CheckedClient) -> None:
    make_users(native, "falcon", "kite")
    listed = native.ask("GET", USERS, 200, ADMIN)
    assert listed.keys() == {"users", "cursor"}
    assert listed["cursor"] is None
    assert [user["id"] for user in listed["users"]] == [4, 3, 2, 1]
    assert all(user.keys() == USER for user in listed["users"])


def test_users_are_listed_page_by_page(native: CheckedClient) -> None:
    make_users(native, "falcon", "kite", "owl")
    seen, cursor = [], ""
    for size in (2, 2, 1):
        page = native.ask("GET", f"{USERS}?limit=2{cursor}", 200, ADMIN)
        assert len(page["users"]) == size
        seen += [user["id"] for user in page["users"]]
        cursor = f"&cursor={page['cursor']}"
        if size == 2:
            native.ask("DELETE", f"{USERS}/{seen[-1]}", 204, ADMIN)  # the next page does not slip
    assert (seen, page["cursor"]) == ([5, 4, 3, 2, 1], None)


FOUND = {
    "falcon": ["Falcon2", "falcon"],
    "FALC": ["Falcon2", "falcon"],
    "birds.example": ["o_l", "falcon"],
    "@BIRDS": ["o_l", "falcon"],
    "_": ["o_l"],
    "%25": [],
    "\\": [],
    "'": [],
    "": ["o_l", "Falcon2", "falcon", "hawk", "admin"],
    "nobody": [],
    "%EF%BD%86%EF%BD%81%EF%BD%8C%EF%BD%83": ["Falcon2", "falcon"],  # full width
}


def test_users_are_found_by_part_of_a_name_or_email(native: CheckedClient) -> None:
    make_users(native, "falcon", "Falcon2", "o_l")
    assert {search: names_of(native, f"search={search}") for search in FOUND} == FOUND


@pytest.mark.parametrize("limit", ["201", "1000000000"])
def test_a_page_has_200_users_at_most(
    native: CheckedClient, clock: ManualClock, limit: str
) -> None:
    times = {"created_at": clock.now(), "updated_at": clock.now()}
    rows = [
        {
            "uuid": f"u{n}",
            "short_id": f"s{n}",
            "username": f"n{n}",
            "username_canonical": f"n{n}",
            "password_hash": f"!{n}!",
        }
        | times
        for n in range(201)
    ]
    with native.application.app_context():
        engine = native.application.extensions["sqlalchemy"].engine
    with engine.begin() as connection:
        connection.execute(insert(Account), rows)
    page = native.ask("GET", f"{USERS}?limit={limit}", 200, ADMIN)
    assert len(page["users"]) == 200
    assert page["cursor"] == page["users"][-1]["id"]


BAD_QUERIES = [
    *(
        "limit=0",
        "limit=-1",
        "limit=1e9",
        "limit=ten",
        "limit=",
        "limit=1000000001",
        "limit=9" + "9" * 30,
        "limit=1.5",
    ),
    *(
        "cursor=0",
        "cursor=-1",
        "cursor=abc",
        "cursor=",
        "cursor=9223372036854775808",
        "cursor=1%27%20OR%201=1",
    ),
    *(
        "sort=password_hash",
        "filter[password_hash]=scrypt*",
        "disabled=true",
        "admin=true",
        "limit=1&limit=2",
    ),
]


def test_a_query_is_refused_when_it_asks_for_something_else(native: CheckedClient) -> None:
    token = native.token(ADMIN)
    for path, query in itertools.product((USERS, AUDIT), BAD_QUERIES):
        assert native.refused("GET", f"{path}?{query}", 400, token) in {
            "invalid_input",
            "bad_request",
        }, query


def test_an_administrator_makes_reads_and_changes_a_user(
    native: CheckedClient, clock: ManualClock
) -> None:
    made = native.ask(
        "POST", USERS, 201, ADMIN, username="Falcon", password="peregrine", full_name="F. Peregrine"
    )
    assert made.keys() == USER
    assert (made["id"], made["username"], made["full_name"]) == (3, "Falcon", "F. Peregrine")
    assert (made["admin"], made["disabled"], made["locked_until"]) == (False, False, None)
    assert native.ask("GET", f"{USERS}/3", 200, ADMIN) == made
    clock.advance(seconds=1)
    change = {"username": "falco", "email": "falco@birds.example", "full_name": None, "admin": True}
    changed = native.ask("PATCH", f"{USERS}/3", 200, ADMIN, **change)
    assert changed == made | change | {"updated_at": changed["updated_at"]}
    assert time(changed["updated_at"]) == clock.now()
    assert native.ask("GET", USERS, 200, ("falco", "peregrine"))["users"][0] == changed
    assert (
        native.refused("POST", USERS, 409, ADMIN, username="FALCO", password="peregrine")
        == "username_taken"
    )
    assert native.refused("PATCH", f"{USERS}/2", 409, ADMIN, username="Falco") == "username_taken"
    assert (
        native.refused("PATCH", f"{USERS}/2", 409, ADMIN, email="FALCO@birds.example")
        == "email_taken"
    )
    taken = {"username": "kite", "password": "milvus", "email": "falco@birds.example"}
    assert native.refused("POST", USERS, 409, ADMIN, **taken) == "email_taken"


def test_a_new_user_is_where_the_location_says(native: CheckedClient) -> None:
    answer = native.post(
        USERS, json={"username": "falcon", "password": "peregrine"}, headers=basic(*ADMIN)
    )
    assert (answer.status_code, answer.headers["Location"]) == (201, f"http://localhost{USERS}/3")
    assert native.ask("GET", f"{USERS}/3", 200, ADMIN) == answer.json


def test_an_administrator_is_made_at_once_when_it_is_asked_for(native: CheckedClient) -> None:
    assert (
        native.ask("POST", USERS, 201, ADMIN, username="owl", password="strix-aluco", admin=True)[
            "admin"
        ]
        is True
    )
    native.ask("GET", USERS, 200, ("owl", "strix-aluco"))


def test_a_disabled_user_is_refused_until_enabled(native: CheckedClient) -> None:
    token = native.token(HAWK)
    for _ in range(2):
        assert native.ask("POST", f"{USERS}/2/disable", 200, ADMIN)["disabled"] is True
        for who in (HAWK, token):
            native.ask("GET", "/api/resource", 401, who)
    enabled = native.ask("POST", f"{USERS}/2/enable", 200, ADMIN)
    assert (enabled.keys(), enabled["disabled"]) == (USER, False)
    native.ask("GET", "/api/resource", 200, HAWK)
    native.ask("GET", "/api/resource", 401, token)


def test_a_revoked_user_keeps_their_password(native: CheckedClient) -> None:
    token = native.token(HAWK)
    assert native.ask("POST", f"{USERS}/2/revoke", 200, ADMIN).keys() == USER
    native.ask("GET", "/api/resource", 401, token)
    native.ask("GET", "/api/resource", 200, HAWK)


def test_a_deleted_user_is_gone(native: CheckedClient) -> None:
    token = native.token(HAWK)
    native.ask("DELETE", f"{USERS}/2", 204, ADMIN)
    for who in (HAWK, token):
        native.ask("GET", "/api/resource", 401, who)
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/disable"), ("POST", "/unlock")):
        assert native.refused(method, f"{USERS}/2{path}", 404, ADMIN) == "not_found"


def test_a_locked_user_is_unlocked(make_app: Callable[..., Flask], clock: ManualClock) -> None:
    app = make_app(lockout_failures="2", lockout_seconds="60")
    populate(app)
    native = checked_client(app)
    token = native.token(HAWK)
    for status in (401, 401, 429):
        native.ask("GET", "/api/resource", status, ("hawk", "wrong"))
    native.ask("GET", "/api/resource", 429, HAWK)
    native.ask("GET", "/api/resource", 200, token)  # guessing locks out no session
    locked = native.ask("GET", f"{USERS}/2", 200, ADMIN)["locked_until"]
    assert (time(locked) - clock.now()).total_seconds() == 60
    assert native.ask("POST", f"{USERS}/2/unlock", 200, ADMIN)["locked_until"] is None
    native.ask("GET", "/api/resource", 200, HAWK)


def test_the_last_administrator_stays(native: CheckedClient) -> None:
    me = f"{USERS}/1"
    assert native.refused("POST", f"{me}/disable", 409, ADMIN) == "own_account"
    assert native.refused("PATCH", me, 409, ADMIN, admin=False) == "last_admin"
    assert native.refused("DELETE", me, 409, ADMIN) == "last_admin"
    native.ask("PATCH", f"{USERS}/2", 200, ADMIN, admin=True)
    native.ask("POST", f"{USERS}/2/disable", 200, ADMIN)  # one who cannot log in does not count
    assert native.refused("DELETE", me, 409, ADMIN) == "last_admin"
    native.ask("POST", f"{USERS}/2/enable", 200, ADMIN)
    native.ask("DELETE", me, 204, ADMIN)
    assert native.refused("PATCH", f"{USERS}/2", 409, HAWK, admin=False) == "last_admin"


def test_audit_log_has_actor_event_and_subject(native: CheckedClient, clock: ManualClock) -> None:
    native.ask("GET", "/api/resource", 401, ("hawk", "wrong"))
    token = native.token(ADMIN)
    for action in ("disable", "enable", "unlock", "revoke"):
        native.ask("POST", f"{USERS}/2/{action}", 200, token)
    native.ask("PATCH", f"{USERS}/2", 200, token, full_name="A. Hawk")
    native.open(f"{USERS}/2", method="DELETE", headers=bearer(token) | {"X-Request-ID": "the-end"})
    trail = native.ask("GET", f"{AUDIT}?subject_id=2", 200, token)
    assert (trail.keys(), trail["cursor"]) == ({"events", "cursor"}, None)
    newest, *_ = trail["events"]
    assert newest.keys() == EVENT
    assert {name: newest[name] for name in EVENT - {"id", "at"}} == {
        "kind": "account.deleted",
        "outcome": "accepted",
        "actor_id": 1,
        "actor": "admin",
        "subject_id": 2,
        "subject": "hawk",
        "credential": "access_token",
        "ip": "127.0.0.1",
        "dialect": "native",
        "request_id": "the-end",
    }
    assert time(newest["at"]) == clock.now()
    assert [event["kind"] for event in trail["events"]] == [
        *("account.deleted", "account.changed", "sessions.revoked", "account.unlocked"),
        *("account.enabled", "account.disabled", "authentication", "account.registered"),
    ]
    assert [(e["outcome"], e["actor"]) for e in trail["events"][-2:]] == [
        ("refused", None),
        ("accepted", "(operator)"),
    ]


def test_audit_log_is_filtered_and_read_page_by_page(native: CheckedClient) -> None:
    token = native.token(ADMIN)
    for name in ("hawk", "nobody", "not a name", "hawk"):
        native.ask("GET", "/api/resource", 401, (name, "wrong"))

    def events(query: str) -> list[dict[str, object]]:
        found: list[dict[str, object]] = native.ask("GET", f"{AUDIT}?{query}", 200, token)["events"]
        return found

    tried = [event["subject"] for event in events("kind=authentication")]
    assert (tried[:2], tried[3:]) == (["hawk", None], ["hawk", "admin"])
    assert re.fullmatch(
        r"no\*[0-9a-f]{24}", str(tried[2])
    )  # what no account is called may be a password
    assert [event["subject"] for event in events("subject=nobody")] == [tried[2]]
    assert events("subject=not+a+name") == []
    assert {event["subject_id"] for event in events("subject_id=2")} == {2}
    assert {event["actor_id"] for event in events("actor_id=1")} == {1}
    assert len(events("kind=authentication&subject_id=2")) == 2
    assert events("kind=nothing") == events("subject_id=9223372036854775807") == []
    everything, pages, cursor = events(""), [], ""
    while cursor != "&cursor=None":
        page = native.ask("GET", f"{AUDIT}?limit=2{cursor}", 200, token)
        pages += page["events"]
        cursor = f"&cursor={page['cursor']}"
    assert pages == everything
    assert len(pages) == 8
