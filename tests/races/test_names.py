"""One name, one email: of any number of requests at the same time, one gets it."""

from __future__ import annotations

import itertools

from flask import Flask

from identity.domain.errors import EmailTaken, UsernameTaken
from identity.domain.principal import Principal, operator
from identity.domain.views import AccountView
from identity.services.accounts.changes import ProfileChange
from identity.services.accounts.registration import NewAccount
from support.app import ORIGIN, principal, services
from support.concurrency import at_once, count_types
from support.database import rows

ANONYMOUS = Principal(ORIGIN)
SPELLINGS = [
    "".join(letters) for letters in itertools.product("fF", "aA", "lL", "cC")
]  # sixteen of "falc"


def register(nodes: list[Flask], *wanted: NewAccount) -> list[object]:
    return at_once(
        *(
            lambda app=app, one=one: services(app).accounts.register(ANONYMOUS, one)
            for app, one in zip(nodes, wanted, strict=True)
        )
    )


def test_one_of_sixteen_gets_a_name(nodes: list[Flask]) -> None:
    results = register(nodes, *(NewAccount("falcon", f"pass-{number}") for number in range(16)))
    assert count_types(results) == {"AccountView": 1, "UsernameTaken": 15}
    winner = next(number for number, each in enumerate(results) if isinstance(each, AccountView))
    assert rows(nodes[0], "SELECT count(*) FROM account WHERE username_canonical = 'falcon'") == [
        (1,)
    ]
    assert principal(nodes[0], "falcon", f"pass-{winner}").account.username == "falcon"


def test_one_of_sixteen_spellings_of_a_name_gets_it(nodes: list[Flask]) -> None:
    results = register(nodes, *(NewAccount(name, "newpwd") for name in SPELLINGS))
    assert count_types(results) == {"AccountView": 1, "UsernameTaken": 15}
    assert all(each.username == name for each, name in zip(results, SPELLINGS, strict=True))  # type: ignore[attr-defined]
    assert rows(nodes[0], "SELECT count(*) FROM account") == [(3,)]


def test_one_of_sixteen_spellings_of_an_email_gets_it(nodes: list[Flask]) -> None:
    spellings = [
        f"{name}@{domain}.example"
        for name in SPELLINGS[:8]
        for domain in ("b\u00fccher", "xn--bcher-kva")
    ]
    results = register(
        nodes, *(NewAccount(f"bird{n}", "newpwd", each) for n, each in enumerate(spellings))
    )
    assert count_types(results) == {"AccountView": 1, "EmailTaken": 15}
    assert rows(nodes[0], "SELECT count(*) FROM account") == [(3,)]


def test_sixteen_different_names_are_all_made(nodes: list[Flask]) -> None:
    results = register(nodes, *(NewAccount(f"bird{number}", "newpwd") for number in range(16)))
    assert count_types(results) == {"AccountView": 16}
    assert len({each.id for each in results}) == 16  # type: ignore[attr-defined]
    events = "SELECT count(*) FROM audit_event WHERE kind = 'account.registered'"
    assert rows(nodes[0], events) == [(18,)]


def test_one_of_eight_who_change_to_the_same_name_gets_it(nodes: list[Flask]) -> None:
    app = nodes[0]
    for number in range(8):
        services(app).accounts.create(
            operator(), NewAccount(f"bird{number}", "newpwd"), admin=False
        )
    callers = [principal(app, f"bird{number}", "newpwd") for number in range(8)]

    def change(app: Flask, caller: Principal, name: str) -> AccountView:
        return services(app).profiles.change(
            caller, ProfileChange(username=name, email=f"{name}@example.org")
        )

    wanted = zip(nodes, callers, SPELLINGS, strict=False)
    results = at_once(*(lambda one=one: change(*one) for one in wanted))
    assert sum(isinstance(each, AccountView) for each in results) == 1
    assert sum(isinstance(each, UsernameTaken | EmailTaken) for each in results) == 7
    found = rows(app, "SELECT username, email FROM account WHERE username_canonical = 'falc'")
    (winner,) = (each for each in results if isinstance(each, AccountView))
    assert found == [(winner.username, winner.email)]
    assert rows(app, "SELECT count(*) FROM account WHERE username LIKE 'bird%'") == [(7,)]
