"""No answer differs by a byte depending on whether an account exists.

`test_same_work` and `test_same_steps` compare the work, `tests/timing` the times.
"""

from __future__ import annotations

import pytest

from support.enumeration.comparison import require_same_answer
from support.enumeration.probes import GUESSES, Prober, uses

PUBLISHED = {"azuma"}  # Azuma tells 404 from 403; only a hardened service does not


@pytest.mark.parametrize("guess", GUESSES)
def test_a_wrong_password_gets_the_same_answer_for_every_account(
    hardened: Prober, guess: str
) -> None:
    require_same_answer(uses(hardened, GUESSES[guess]))


@pytest.mark.parametrize("guess", [each for each in GUESSES if each not in PUBLISHED])
def test_a_wrong_password_gets_the_same_answer_as_documented_too(
    faithful: Prober, guess: str
) -> None:
    require_same_answer(uses(faithful, GUESSES[guess]))
