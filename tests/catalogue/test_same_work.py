"""Nobody can tell, at the cause: the same is done for somebody and for nobody (decision 36).

`tests/timing` measures times. Here the steps are compared: one look is enough, and it names what differs.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from support.app import services
from support.enumeration.comparison import require_one_work
from support.enumeration.probes import (
    ENGINES,
    GUESSES,
    HARDENED,
    LONG,
    MOVES,
    REGISTRATIONS,
    RESETS,
    Asked,
    Asker,
    Owner,
    address_of,
    asking,
    free,
    register,
    uses,
)
from support.signing_requests import signing_request

KEPT = 3  # letters of a kind for one address in an hour
OTHER = "another rather long passphrase"
MODES = {"faithful": {}, "hardened": HARDENED}


@pytest.fixture(scope="module", params=itertools.product(ENGINES, MODES), ids="-".join)
def asker(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Asker]:
    """Somebody who asks, in either mode."""
    request.param, mode = request.param
    with asking(request, tmp_path_factory, **MODES[mode]) as asker:
        yield asker


@pytest.fixture(scope="module", params=ENGINES)
def strict(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Asker]:
    """Somebody who asks where two wrong passwords lock a name."""
    with asking(request, tmp_path_factory, lockout_failures="2") as asker:
        yield asker


@pytest.mark.parametrize("guess", GUESSES)
def test_a_wrong_password_makes_the_same_work_for_every_account(asker: Asker, guess: str) -> None:
    require_one_work(asker, uses(asker, GUESSES[guess]), times=2)


def test_a_lock_makes_the_same_work_for_every_account(strict: Asker) -> None:
    def call(asker: Asker, name: str) -> Any:
        services(
            asker.app
        ).authentication._limits.refusals._notes.clear()  # else it depends on the moment
        return GUESSES["basic"](asker, name)

    require_one_work(strict, uses(strict, call), times=4)


@pytest.mark.parametrize("reset", RESETS)
def test_a_reset_makes_the_same_work_for_every_account(asker: Asker, reset: str) -> None:
    require_one_work(asker, uses(asker, RESETS[reset]), times=KEPT + 2)


@pytest.mark.parametrize("dialect", REGISTRATIONS)
def test_a_registration_makes_the_same_work_whether_its_email_is_taken_or_not(
    hardened: Asker, dialect: str
) -> None:
    taken, named = address_of(hardened.people()["known"]), free()
    register(hardened, "continuous", named)  # whose name is his address
    registering: dict[str, Callable[[], str]] = {
        "free": free,
        "taken": lambda: taken,
        "a name too": lambda: named,
    }
    asked = {
        who: (lambda address=address: register(hardened, dialect, address()))
        for who, address in registering.items()
    }
    require_one_work(hardened, asked, times=KEPT + 2)


@pytest.mark.parametrize("dialect", MOVES)
def test_a_new_email_makes_the_same_work_whether_it_is_taken_or_not(
    hardened: Asker, dialect: str
) -> None:
    people = hardened.people()
    taken = itertools.cycle(address_of(people[who]) for who in ("known", "disabled"))
    one, other = Owner.new(hardened, free()), Owner.new(hardened, free())
    asked: dict[str, Asked] = {
        "free": lambda: one.move(dialect, free()),
        "taken": lambda: other.move(dialect, next(taken)),
    }
    require_one_work(hardened, asked, times=2 * KEPT + 2)


def test_a_claim_of_another_users_email_makes_the_same_work(hardened: Asker) -> None:
    taken = address_of(hardened.people()["known"])
    owned = free()
    people = {"owner": Owner.new(hardened, owned), "other": Owner.new(hardened, taken)}
    shown = {"owner": owned, "other": taken}
    acts: list[Callable[[str], tuple[str, str, dict[str, Any]]]] = [
        lambda _: ("POST", "/api/certificates", {"csr": signing_request(), "description": "one"}),
        lambda _: ("PATCH", "/api/users/me", {"password": OTHER, "current_password": LONG}),
        lambda _: ("PATCH", "/api/users/me", {"password": LONG, "current_password": OTHER}),
        lambda who: (
            "PATCH",
            "/api/users/me",
            {"email": shown[who].title(), "current_password": LONG},
        ),
        lambda _: (
            "PATCH",
            "/api/users/me",
            {"email": "wrong password", "current_password": OTHER},
        ),
        lambda _: ("PATCH", "/api/users/me", {"email": free(), "current_password": LONG}),
    ]

    def ask(who: str, act: Callable[[str], tuple[str, str, dict[str, Any]]]) -> Any:
        services(hardened.app).directory._known.forget(
            None
        )  # what is in memory tells of use, not of an address
        return people[who].ask(*act(who))

    for act in acts:
        require_one_work(
            hardened, {who: (lambda who=who, act=act: ask(who, act)) for who in people}
        )
