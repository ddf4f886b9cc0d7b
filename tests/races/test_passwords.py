"""Guesses and password changes at the same time: the limit is exact, and one change wins."""

from __future__ import annotations

from flask import Flask

from identity.domain.errors import IdentityError, RateLimited, Unauthenticated, WrongPassword
from identity.domain.principal import Principal
from identity.services.accounts.changes import ProfileChange
from support.accounts import HAWK
from support.app import by_token, principal, services, token_principal
from support.concurrency import at_once, count_types
from support.database import rows
from support.hashing import count_hashes
from support.waiting import wait_until

PARALLEL = 16
FAILURES = 5  # IDENTITY_LOCKOUT_FAILURES of the nodes


def test_sixteen_wrong_guesses_compute_no_more_hashes_than_the_limit_allows(
    nodes: list[Flask],
) -> None:
    counted = [count_hashes(app) for app in dict.fromkeys(nodes)]
    results = at_once(*(lambda app=app: principal(app, "hawk", "wrong") for app in nodes))
    assert count_types(results) == {"Unauthenticated": FAILURES, "RateLimited": PARALLEL - FAILURES}
    assert sum(len(each.checked) for each in counted) == FAILURES
    refused = (
        "SELECT kind, count(*) FROM audit_event WHERE outcome = 'refused' GROUP BY kind ORDER "
        "BY kind"
    )
    assert rows(nodes[0], refused) == [("authentication", FAILURES), ("authentication.locked", 1)]


def test_limit_holds_over_spellings_and_ways_to_guess(nodes: list[Flask]) -> None:
    hawk = principal(nodes[0], *HAWK)
    counted = [count_hashes(app) for app in dict.fromkeys(nodes)]
    guesses = [
        *(lambda app=app: principal(app, "HAWK", "wrong") for app in nodes[:8]),
        *(lambda app=app: services(app).authentication.confirm(hawk, "wrong") for app in nodes[8:]),
    ]
    results = at_once(*guesses)
    assert sum(isinstance(each, RateLimited) for each in results) == PARALLEL - FAILURES
    assert sum(isinstance(each, Unauthenticated | WrongPassword) for each in results) == FAILURES
    assert sum(len(each.checked) for each in counted) == FAILURES


def test_limit_holds_for_a_name_without_an_account(nodes: list[Flask]) -> None:
    results = at_once(*(lambda app=app: principal(app, "nobody", "wrong") for app in nodes))
    assert sum(isinstance(each, Unauthenticated) for each in results) == FAILURES
    assert sum(isinstance(each, RateLimited) for each in results) == PARALLEL - FAILURES


def gets_in(app: Flask) -> bool:
    try:
        return principal(app, *HAWK).account.id == 2
    except RateLimited:
        return False


def test_right_passwords_at_once_each_get_in_or_are_asked_to_wait(nodes: list[Flask]) -> None:
    results = at_once(*(lambda app=app: principal(app, *HAWK) for app in nodes))
    assert count_types(results).keys() <= {"Principal", "RateLimited"}
    assert count_types(results)["Principal"] >= FAILURES
    wait_until(lambda: gets_in(nodes[0]), seconds=1.5)  # a refusal is remembered for a second


def changed(app: Flask, caller: Principal, password: str) -> str:
    services(app).profiles.change(
        caller, ProfileChange(), password=password, current_password="newpwd"
    )
    return password


def test_one_of_two_changes_with_the_same_current_password_wins(nodes: list[Flask]) -> None:
    for number in range(3):
        current = "newpwd" if number == 0 else f"again-{number}"
        callers = [principal(app, "hawk", current) for app in nodes[:2]]

        def change(app: Flask, caller: Principal, new: str, current: str = current) -> str:
            services(app).profiles.change(
                caller, ProfileChange(), password=new, current_password=current
            )
            return new

        uses = zip(nodes, callers, (f"one-{number}", f"two-{number}"), strict=False)
        results = at_once(*(lambda use=use: change(*use) for use in uses))
        (winner,) = (each for each in results if isinstance(each, str))
        (loser,) = (each for each in results if isinstance(each, IdentityError))
        assert isinstance(loser, Unauthenticated | WrongPassword)
        caller = principal(nodes[0], "hawk", winner)
        assert caller.account.version == 2 * number + 2
        services(nodes[0]).profiles.change(
            caller, ProfileChange(), password=f"again-{number + 1}", current_password=winner
        )


def test_change_of_password_by_several_sessions_keeps_the_winners_alone(nodes: list[Flask]) -> None:
    logins = [token_principal(app, *HAWK) for app in nodes[:4]]
    uses = [
        (app, caller, f"pass-{n}")
        for n, (app, (_, caller)) in enumerate(zip(nodes, logins, strict=False))
    ]
    results = at_once(*(lambda use=use: changed(*use) for use in uses))
    winners = [n for n, each in enumerate(results) if isinstance(each, str)]
    assert len(winners) == 1
    assert principal(nodes[0], "hawk", f"pass-{winners[0]}").account.version == 2

    def alive(app: Flask, token: str) -> bool:
        try:
            return by_token(app, token).account.id == 2
        except Unauthenticated:
            return False

    for app in nodes[:2]:
        wait_until(
            lambda app=app: (
                [alive(app, token) for token, _ in logins] == [n in winners for n in range(4)]
            ),
            seconds=1,
        )
