"""The answer to a reset does not differ by a byte depending on whether an account exists.

`test_same_work`, `test_same_steps` and `test_taken_emails` compare the work, also for registrations
and new emails; `tests/timing` compares the times.
"""

from __future__ import annotations

import pytest

from support.enumeration.comparison import require_same_answer
from support.enumeration.probes import RESETS, Prober, uses


@pytest.mark.parametrize("reset", RESETS)
def test_a_reset_gets_the_same_answer_for_every_account(hardened: Prober, reset: str) -> None:
    require_same_answer(uses(hardened, RESETS[reset]))


def test_a_reset_gets_the_same_answer_as_documented_too(faithful: Prober) -> None:
    require_same_answer(uses(faithful, RESETS["native"]))  # continuous.sh documents a 404
