"""Account enumeration: equal work for known and unknown accounts (decision 36).

The steps are compared here, once, so that a failure names the difference; `tests/timing` measures
times.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from identity.services.sessions.journal import Journal
from support.app import judge_by_rows, services
from support.enumeration.comparison import require_same_work
from support.enumeration.probes import (
    EMAIL_CHANGES,
    ENGINES,
    GUESSES,
    HARDENED,
    LONG_PASSWORD,
    REGISTRATIONS,
    RESETS,
    Owner,
    Probe,
    Prober,
    email_of,
    free,
    probing,
    register,
    uses,
)
from support.signing_requests import signing_request

KEPT = 3  # mails of a kind to one email in an hour
OTHER = "another rather long passphrase"
MODES = {"faithful": {}, "hardened": HARDENED}


@pytest.fixture(scope="module", params=itertools.product(ENGINES, MODES), ids="-".join)
def prober(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prober]:
    """A prober, in either mode."""
    request.param, mode = request.param
    with probing(request, tmp_path_factory, **MODES[mode]) as prober:
        yield prober


@pytest.fixture(scope="module", params=ENGINES)
def strict(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prober]:
    """A prober of a service where two wrong passwords lock a name."""
    with probing(request, tmp_path_factory, lockout_failures="2") as prober:
        yield prober


@pytest.mark.parametrize("guess", GUESSES)
def test_a_wrong_password_makes_the_same_work_for_every_account(prober: Prober, guess: str) -> None:
    require_same_work(prober, uses(prober, GUESSES[guess]), times=2)


def test_a_lock_makes_the_same_work_for_every_account(strict: Prober) -> None:
    def call(prober: Prober, name: str) -> Any:
        services(
            prober.app
        ).authentication._limits.refusals._entries.clear()  # else it depends on the moment
        return GUESSES["basic"](prober, name)

    require_same_work(strict, uses(strict, call), times=4)


@pytest.mark.parametrize("reset", RESETS)
def test_a_reset_makes_the_same_work_for_every_account(prober: Prober, reset: str) -> None:
    require_same_work(prober, uses(prober, RESETS[reset]), times=KEPT + 2)


@pytest.mark.parametrize("dialect", REGISTRATIONS)
def test_a_registration_makes_the_same_work_whether_its_email_is_taken_or_not(
    hardened: Prober, dialect: str
) -> None:
    taken, named = email_of(hardened.people()["known"]), free()
    register(hardened, "continuous", named)  # whose username is the email
    registering: dict[str, Callable[[], str]] = {
        "free": free,
        "taken": lambda: taken,
        "a name too": lambda: named,
    }
    asked = {
        who: (lambda email=email: register(hardened, dialect, email()))
        for who, email in registering.items()
    }
    require_same_work(hardened, asked, times=KEPT + 2)


@pytest.mark.parametrize("dialect", EMAIL_CHANGES)
def test_a_new_email_makes_the_same_work_whether_it_is_taken_or_not(
    hardened: Prober, dialect: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Each step reads the row of its session, whether a token was issued just before or not.
    monkeypatch.setattr(Journal, "confirms", lambda _self, _claims: False)
    people = hardened.people()
    taken = itertools.cycle(email_of(people[who]) for who in ("known", "disabled"))
    one, other = Owner.new(hardened, free()), Owner.new(hardened, free())
    asked: dict[str, Probe] = {
        "free": lambda: one.change_email(dialect, free()),
        "taken": lambda: other.change_email(dialect, next(taken)),
    }
    require_same_work(hardened, asked, times=2 * KEPT + 2)


def test_a_claim_of_another_users_email_makes_the_same_work(hardened: Prober) -> None:
    taken = email_of(hardened.people()["known"])
    owned = free()
    people = {"owner": Owner.new(hardened, owned), "other": Owner.new(hardened, taken)}
    shown = {"owner": owned, "other": taken}
    acts: list[Callable[[str], tuple[str, str, dict[str, Any]]]] = [
        lambda _: ("POST", "/api/certificates", {"csr": signing_request(), "description": "one"}),
        lambda _: (
            "PATCH",
            "/api/users/me",
            {"password": OTHER, "current_password": LONG_PASSWORD},
        ),
        lambda _: (
            "PATCH",
            "/api/users/me",
            {"password": LONG_PASSWORD, "current_password": OTHER},
        ),
        lambda who: (
            "PATCH",
            "/api/users/me",
            {"email": shown[who].title(), "current_password": LONG_PASSWORD},
        ),
        lambda _: (
            "PATCH",
            "/api/users/me",
            {"email": "wrong password", "current_password": OTHER},
        ),
        lambda _: ("PATCH", "/api/users/me", {"email": free(), "current_password": LONG_PASSWORD}),
    ]

    def ask(who: str, act: Callable[[str], tuple[str, str, dict[str, Any]]]) -> Any:
        # A cached session tells of its use, not of an email.
        judge_by_rows(hardened.app)
        return people[who].ask(*act(who))

    for act in acts:
        require_same_work(
            hardened, {who: (lambda who=who, act=act: ask(who, act)) for who in people}
        )
