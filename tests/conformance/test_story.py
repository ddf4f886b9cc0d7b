"""One story in five dialects: each leaves the same rows, the same audit log and one account."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import jwt as pyjwt
import pytest
from flask import Flask
from werkzeug.test import TestResponse

from identity.store.models import Account, Base, LoginSession, OutboxMail
from support.accounts import ADMIN
from support.clock import ManualClock
from support.database import account_row, table_rows
from support.dialects import DialectClient, dialect_client_of
from support.http import basic, bearer

# A name that fits every dialect: one of them identifies users by email alone.
KIM = "kim@example.org"
SECRET = "correct horse"


@dataclass(frozen=True)
class Dialect:
    """How one dialect says the sentences of the story."""

    register: Callable[[DialectClient], TestResponse]
    login: Callable[[DialectClient, str], TestResponse]
    prove: Callable[[DialectClient, dict[str, str]], TestResponse]
    registered: int
    logged_in: int
    wrong: int
    unknown: int
    carry: Callable[[str], dict[str, str]] = bearer
    silent: Any = None  # a refused credential is 200 with this body, as its server has it

    def enters(self, say: DialectClient, credential: dict[str, str]) -> bool:
        """Tell whether the dialect accepts a credential, and for kim alone."""
        answer = self.prove(say, credential)
        if answer.status_code == 204:
            return True
        known = answer.json if answer.status_code == 200 else {}
        if known and self.silent and known.get("error") == self.silent:
            return False
        assert answer.status_code in {200, 401, 403}, answer.text
        assert not known or KIM in answer.text
        return bool(known)


def own_uuid(say: DialectClient) -> str:
    found = [row["uuid"] for row in table_rows(say.app, Account) if row["username"] == KIM]
    return found[0] if found else "ee8e77d9-290e-4bb9-84a1-c2b7efb338df"


DIALECTS: dict[str, Dialect] = {
    "native": Dialect(
        register=lambda say: say.post(
            "/api/users", {"username": KIM, "password": SECRET, "email": KIM}
        ),
        login=lambda say, password: say.get("/api/token", headers=basic(KIM, password)),
        prove=lambda say, credential: say.get("/api/resource", headers=credential),
        registered=201,
        logged_in=200,
        wrong=401,
        unknown=401,
        carry=basic,
    ),
    "nerveshub": Dialect(
        register=lambda say: say.post(
            "/nerveshub/users/register", {"username": KIM, "email": KIM, "password": SECRET}
        ),
        login=lambda say, password: say.post(
            "/nerveshub/users/login", {"email": KIM, "password": password}
        ),
        prove=lambda say, credential: say.get("/nerveshub/users/me", headers=credential),
        registered=200,
        logged_in=200,
        wrong=500,
        unknown=500,
        carry=lambda token: {"Authorization": f"token {token}"},
    ),
    "wekan": Dialect(
        register=lambda say: say.post(
            "/wekan/users/register", {"username": KIM, "email": KIM, "password": SECRET}
        ),
        login=lambda say, password: say.post(
            "/wekan/users/login", {"username": KIM, "password": password}
        ),
        prove=lambda say, credential: say.get("/wekan/api/user", headers=credential),
        registered=200,
        logged_in=200,
        wrong=401,
        unknown=401,
        silent="Unauthorized",
    ),
    "continuous": Dialect(
        register=lambda say: say.post(
            "/continuous/users", {"email": KIM, "password": SECRET, "password_confirm": SECRET}
        ),
        login=lambda say, password: say.post(
            "/continuous/sessions", {"email": KIM, "password": password}
        ),
        prove=lambda say, credential: say.put(
            f"/continuous/users/{own_uuid(say)}", {}, headers=credential
        ),
        registered=201,
        logged_in=201,
        wrong=401,
        unknown=401,
    ),
    "azuma": Dialect(
        register=lambda say: say.post(
            "/azuma/users", {"name": KIM, "email": KIM, "password": SECRET}
        ),
        login=lambda say, password: say.post(
            "/azuma/user/login", {"name": KIM, "password": password}
        ),
        prove=lambda say, credential: say.patch("/azuma/user/update", {}, headers=credential),
        registered=201,
        logged_in=200,
        wrong=403,
        unknown=404,
    ),
}
ACCOUNT = {
    "username": KIM,
    "username_canonical": KIM,
    "email": KIM,
    "email_canonical": KIM,
    "email_verified": False,
    "full_name": None,
    "admin": False,
    "disabled": False,
    "activated": False,
    "version": 2,
}
TRAIL = [
    ("account.registered", "accepted"),
    ("authentication", "accepted"),
    ("authentication", "refused"),  # the wrong password
    ("account.disabled", "accepted"),
    ("authentication", "refused"),  # the right one, of a disabled account
    ("account.enabled", "accepted"),
    ("authentication", "accepted"),
    ("account.deleted", "accepted"),
    ("authentication", "refused"),  # no account is called so any more
]


@pytest.fixture
def say(app: Flask) -> Iterator[DialectClient]:
    with dialect_client_of(app, "") as dialect_client:
        yield dialect_client


def login(say: DialectClient, dialect: Dialect) -> dict[str, str]:
    answer = dialect.login(say, SECRET)
    assert answer.status_code == dialect.logged_in, answer.text
    return dialect.carry(answer.json["token"])


def administer(say: DialectClient, what: str) -> None:
    path = f"/api/admin/users/{account_row(say.app, KIM)['id']}"
    answer = say.client.open(
        path if what == "delete" else f"{path}/{what}",
        method="DELETE" if what == "delete" else "POST",
        headers=basic(*ADMIN),
    )
    assert answer.status_code in {200, 204}, answer.text


def audit_events(say: DialectClient) -> list[dict[str, Any]]:
    """Return the events of kim's name, oldest first."""
    answer = say.client.get(
        "/api/admin/audit", query_string={"subject": KIM}, headers=basic(*ADMIN)
    )
    assert answer.status_code == 200, answer.text
    return list(reversed(answer.json["events"]))


def only(row: dict[str, Any], like: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in like}


@pytest.mark.parametrize("name", DIALECTS)
def test_the_story_leaves_the_same_rows_and_audit_log_in_every_dialect(
    say: DialectClient, clock: ManualClock, name: str
) -> None:
    dialect = DIALECTS[name]
    assert dialect.register(say).status_code == dialect.registered
    assert dialect.register(say).status_code in {400, 401, 409, 422}
    clock.advance(seconds=1)
    first = login(say, dialect)
    assert dialect.login(say, "wrong").status_code == dialect.wrong
    assert dialect.enters(say, first)

    administer(say, "disable")
    assert not dialect.enters(say, first)
    assert dialect.login(say, SECRET).status_code == dialect.wrong
    administer(say, "enable")
    assert not dialect.enters(say, first)
    second = login(say, dialect)
    assert dialect.enters(say, second)
    assert not dialect.enters(say, first)

    assert only(account_row(say.app, KIM), ACCOUNT) == ACCOUNT
    (session,) = table_rows(say.app, LoginSession)
    assert (session["version"], session["revoked_at"]) == (2, None)
    assert session["authenticated_at"] == session["created_at"]
    assert [mail["kind"] for mail in table_rows(say.app, OutboxMail)] == ["activation"]

    administer(say, "delete")
    assert not dialect.enters(say, second)
    assert dialect.login(say, SECRET).status_code == dialect.unknown
    assert [row["username"] for row in table_rows(say.app, Account)] == ["admin", "hawk"]
    assert table_rows(say.app, LoginSession) == []
    assert table_rows(say.app, OutboxMail) == []

    events = audit_events(say)
    assert [(event["kind"], event["outcome"]) for event in events] == TRAIL
    # What no account is called may be a password in the wrong field, so it is kept by a digest.
    assert [event["subject"] == KIM for event in events] == [True] * (len(TRAIL) - 1) + [False]
    assert events[-1]["subject"].startswith("ki*")
    own = [event for event in events if event["actor"] != "admin"]
    assert {event["dialect"] for event in own} == {name}
    assert {event["dialect"] for event in events if event not in own} == {"native"}


@pytest.mark.parametrize("maker", DIALECTS)
def test_an_account_made_in_one_dialect_is_the_same_in_every_other(
    say: DialectClient, maker: str
) -> None:
    assert DIALECTS[maker].register(say).status_code == DIALECTS[maker].registered
    made = account_row(say.app, KIM)
    credentials = {name: login(say, dialect) for name, dialect in DIALECTS.items()}
    for carried, credential in credentials.items():
        for name, dialect in DIALECTS.items():
            assert dialect.enters(say, credential), (carried, name)
    for name, dialect in DIALECTS.items():
        assert dialect.login(say, "wrong").status_code == dialect.wrong, name
        if name != maker:
            assert dialect.register(say).status_code in {400, 401, 409, 422}, name
    session = credentials["continuous"]["Authorization"].removeprefix("Bearer ")
    assert pyjwt.decode(session, options={"verify_signature": False})["sub"] == made["uuid"]
    assert {row["kind"] for row in table_rows(say.app, LoginSession)} == {
        "access",
        "personal",
        "opaque",
        "jwt",
        "uuid",
    }

    administer(say, "disable")
    for carried, credential in (credentials | {"password": basic(KIM, SECRET)}).items():
        for name, dialect in DIALECTS.items():
            assert not dialect.enters(say, credential), (carried, name)
    administer(say, "enable")
    for carried, credential in credentials.items():
        assert not DIALECTS[carried].enters(say, credential), carried
    assert all(dialect.enters(say, login(say, dialect)) for dialect in DIALECTS.values())


@pytest.mark.parametrize("teller", DIALECTS)
def test_a_new_password_counts_in_every_dialect_at_once(say: DialectClient, teller: str) -> None:
    assert DIALECTS[teller].register(say).status_code == DIALECTS[teller].registered
    credentials = {name: login(say, dialect) for name, dialect in DIALECTS.items()}
    changed = say.patch(
        "/azuma/user/update", {"password": "battery staple"}, headers=credentials["azuma"]
    )
    assert changed.status_code == 200
    for name, dialect in DIALECTS.items():
        assert dialect.login(say, SECRET).status_code == dialect.wrong, name
        assert dialect.login(say, "battery staple").status_code == dialect.logged_in, name
        assert dialect.enters(say, credentials["azuma"]), name
        if name != "azuma":
            assert not dialect.enters(say, credentials[name]), name


def test_no_other_table_keeps_a_trace(say: DialectClient) -> None:
    for dialect in DIALECTS.values():
        dialect.register(say)
        administer(say, "delete")
    left = {
        table.name
        for table in Base.metadata.sorted_tables
        if table.name not in {"audit_event", "counter"}
    }
    for mapper in Base.registry.mappers:
        if mapper.class_.__tablename__ in left:
            assert not [
                row for row in table_rows(say.app, mapper.class_) if KIM in map(str, row.values())
            ]
