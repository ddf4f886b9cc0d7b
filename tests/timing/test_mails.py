"""A reset, a registration and a new email take one time, whether or not the email is an
account's.

Measured as in `test_passwords`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from support.enumeration.probes import (
    EMAIL_CHANGES,
    ENGINES,
    HARDENED,
    REGISTRATIONS,
    RESETS,
    Owner,
    Probe,
    Prober,
    email_of,
    free,
    known_and_unknown,
    probing,
    register,
)
from support.enumeration.timing import require_same_time


@pytest.fixture(scope="module", params=ENGINES)
def generous(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prober]:
    """A caller where every mail is kept, as elsewhere the first three in an hour."""
    with probing(request, tmp_path_factory, **HARDENED, mail_limit="1000000/3600") as prober:
        yield prober


TIMED_RESETS = [*(("sqlite", each) for each in RESETS), ("postgresql", "native")]


@pytest.mark.parametrize(("hardened", "reset"), TIMED_RESETS, indirect=["hardened"])
def test_a_reset_takes_the_same_time_for_every_account(hardened: Prober, reset: str) -> None:
    require_same_time(known_and_unknown(hardened, RESETS[reset]))


def test_a_first_reset_takes_the_time_of_any_other(generous: Prober) -> None:
    require_same_time(known_and_unknown(generous, RESETS["native"]))


def registering(prober: Prober, dialect: str) -> dict[str, Probe]:
    taken = email_of(prober.people()["known"])
    return {
        "free": lambda: register(prober, dialect, free()),
        "taken": lambda: register(prober, dialect, taken),
    }


TIMED_REGISTRATIONS = [*(("sqlite", each) for each in REGISTRATIONS), ("postgresql", "native")]


@pytest.mark.parametrize(("hardened", "dialect"), TIMED_REGISTRATIONS, indirect=["hardened"])
def test_a_registration_takes_the_same_time_whether_its_email_is_taken_or_not(
    hardened: Prober, dialect: str
) -> None:
    require_same_time(registering(hardened, dialect))


def test_a_first_registration_takes_the_time_of_any_other(generous: Prober) -> None:
    require_same_time(registering(generous, "native"))


TIMED_MOVES = [*(("sqlite", each) for each in EMAIL_CHANGES), ("postgresql", "native")]


@pytest.mark.parametrize(("hardened", "dialect"), TIMED_MOVES, indirect=["hardened"])
def test_a_new_email_takes_the_same_time_whether_it_is_taken_or_not(
    hardened: Prober, dialect: str
) -> None:
    people = hardened.people()
    taken = itertools.cycle(email_of(people[who]) for who in ("known", "disabled"))
    one, other = Owner.new(hardened, free()), Owner.new(hardened, free())
    asked: dict[str, Probe] = {
        "free": lambda: one.change_email(dialect, free()),
        "taken": lambda: other.change_email(dialect, next(taken)),
    }
    require_same_time(asked)
