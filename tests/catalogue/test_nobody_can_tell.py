"""Nobody can tell whether an account exists: from an answer, byte by byte, or from its time (cases 194-199).

Times are read from two clocks: the one on the wall, which a caller has, and the processor's, which other work on the
machine disturbs less. Samples are added up until the AUC is clear: one of a hundred pairs is uncertain by 0.04.
"""

from __future__ import annotations

import pytest
from catalogue.asking import GUESSES, Asker, anybody, imported, uses
from catalogue.indistinct import require_one_answer, require_one_time

PUBLISHED = {"azuma"}  # seed 003 tells 404 from 403; only a hardened service does not


@pytest.mark.parametrize("guess", GUESSES)
def test_a_wrong_password_gets_one_answer_whoever_it_is_for(hardened: Asker, guess: str) -> None:
    require_one_answer(uses(hardened, GUESSES[guess]))


@pytest.mark.parametrize("guess", [each for each in GUESSES if each not in PUBLISHED])
def test_a_wrong_password_gets_one_answer_as_documented_too(faithful: Asker, guess: str) -> None:
    require_one_answer(uses(faithful, GUESSES[guess]))


def test_a_wrong_password_takes_one_time_whoever_it_is_for(hardened: Asker) -> None:
    require_one_time(uses(hardened, GUESSES["basic"]))


@pytest.mark.parametrize("hardened", ["sqlite"], indirect=True)
def test_a_wrong_password_takes_one_time_also_for_a_hash_of_another_system(hardened: Asker) -> None:
    require_one_time(imported(hardened, GUESSES["basic"]))


# All of them ask the use case that is measured above for each kind of people; on PostgreSQL two are enough.
ON_POSTGRESQL = ("nerveshub login", "wekan by address")
TIMED = [*(("sqlite", each) for each in GUESSES if each != "basic"), *(("postgresql", each) for each in ON_POSTGRESQL)]


@pytest.mark.parametrize(("hardened", "guess"), TIMED, indirect=["hardened"])
def test_a_wrong_password_takes_one_time_in_every_tongue(hardened: Asker, guess: str) -> None:
    require_one_time(anybody(hardened, GUESSES[guess]))
