"""A wrong password takes one time, whether or not the account exists.

Two clocks are read: the one on the wall, which a caller has, and the processor's, which other work
on the machine
disturbs less.
"""

from __future__ import annotations

import pytest

from support.enumeration.probes import GUESSES, Prober, imported, known_and_unknown, uses
from support.enumeration.timing import require_same_time


def test_a_wrong_password_takes_the_same_time_for_every_account(hardened: Prober) -> None:
    require_same_time(uses(hardened, GUESSES["basic"]))


@pytest.mark.parametrize("hardened", ["sqlite"], indirect=True)
def test_a_wrong_password_takes_the_same_time_also_for_a_hash_of_another_system(
    hardened: Prober,
) -> None:
    require_same_time(imported(hardened, GUESSES["basic"]))


# All of them ask the use case that is measured above for each kind of people; on PostgreSQL two are
# enough.
ON_POSTGRESQL = ("nerveshub login", "wekan by email")
TIMED = [
    *(("sqlite", each) for each in GUESSES if each != "basic"),
    *(("postgresql", each) for each in ON_POSTGRESQL),
]


@pytest.mark.parametrize(("hardened", "guess"), TIMED, indirect=["hardened"])
def test_a_wrong_password_takes_the_same_time_in_every_dialect(
    hardened: Prober, guess: str
) -> None:
    require_same_time(known_and_unknown(hardened, GUESSES[guess]))
