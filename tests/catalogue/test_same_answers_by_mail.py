"""Nobody can tell from the answer to a reset, byte by byte, whether an address is an account's.

The same is done for it as well, also for registrations and new addresses: `test_same_work`, `test_same_steps`,
`test_taken_emails`. Its time is measured in `tests/timing`.
"""

from __future__ import annotations

import pytest

from support.enumeration.comparison import require_one_answer
from support.enumeration.probes import RESETS, Asker, uses


@pytest.mark.parametrize("reset", RESETS)
def test_a_reset_gets_the_same_answer_for_every_account(hardened: Asker, reset: str) -> None:
    require_one_answer(uses(hardened, RESETS[reset]))


def test_a_reset_gets_the_same_answer_as_documented_too(faithful: Asker) -> None:
    require_one_answer(uses(faithful, RESETS["native"]))  # seed 002 documents a 404
