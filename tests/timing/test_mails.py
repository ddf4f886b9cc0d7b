"""A reset, a registration and a new email address take one time, whether or not the email is an account's.

Measured as in `test_passwords`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from support.enumeration.probes import (
    ENGINES,
    HARDENED,
    MOVES,
    REGISTRATIONS,
    RESETS,
    Asked,
    Asker,
    Owner,
    address_of,
    anybody,
    asking,
    free,
    register,
)
from support.enumeration.timing import require_one_time


@pytest.fixture(scope="module", params=ENGINES)
def generous(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Asker]:
    """A caller where every mail is kept, as elsewhere the first three in an hour."""
    with asking(request, tmp_path_factory, **HARDENED, mail_limit="1000000/3600") as asker:
        yield asker


TIMED_RESETS = [*(("sqlite", each) for each in RESETS), ("postgresql", "native")]


@pytest.mark.parametrize(("hardened", "reset"), TIMED_RESETS, indirect=["hardened"])
def test_a_reset_takes_the_same_time_for_every_account(hardened: Asker, reset: str) -> None:
    require_one_time(anybody(hardened, RESETS[reset]))


def test_a_first_reset_takes_the_time_of_any_other(generous: Asker) -> None:
    require_one_time(anybody(generous, RESETS["native"]))


def registering(asker: Asker, dialect: str) -> dict[str, Asked]:
    taken = address_of(asker.people()["known"])
    return {
        "free": lambda: register(asker, dialect, free()),
        "taken": lambda: register(asker, dialect, taken),
    }


TIMED_REGISTRATIONS = [*(("sqlite", each) for each in REGISTRATIONS), ("postgresql", "native")]


@pytest.mark.parametrize(("hardened", "dialect"), TIMED_REGISTRATIONS, indirect=["hardened"])
def test_a_registration_takes_the_same_time_whether_its_email_is_taken_or_not(
    hardened: Asker, dialect: str
) -> None:
    require_one_time(registering(hardened, dialect))


def test_a_first_registration_takes_the_time_of_any_other(generous: Asker) -> None:
    require_one_time(registering(generous, "native"))


TIMED_MOVES = [*(("sqlite", each) for each in MOVES), ("postgresql", "native")]


@pytest.mark.parametrize(("hardened", "dialect"), TIMED_MOVES, indirect=["hardened"])
def test_a_new_email_takes_the_same_time_whether_it_is_taken_or_not(
    hardened: Asker, dialect: str
) -> None:
    people = hardened.people()
    taken = itertools.cycle(address_of(people[who]) for who in ("known", "disabled"))
    one, other = Owner.new(hardened, free()), Owner.new(hardened, free())
    asked: dict[str, Asked] = {
        "free": lambda: one.move(dialect, free()),
        "taken": lambda: other.move(dialect, next(taken)),
    }
    require_one_time(asked)
