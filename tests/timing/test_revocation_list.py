"""How the cost of the revocation list grows with its length."""

from __future__ import annotations

import time

from identity.adapters.ca import LocalAuthority
from support.certificates import new_authority
from support.clock import ManualClock


def test_the_cost_of_the_revocation_list_grows_with_its_length_and_no_faster(
    clock: ManualClock,
) -> None:
    authority = LocalAuthority(
        new_authority(clock.now()).pem().encode(), list_url="", now=clock.now()
    )

    def cost(entries: int) -> float:
        began = time.process_time()
        authority.revocation_list(
            [(str(10**40 + number), clock.now()) for number in range(entries)], clock.now()
        )
        return time.process_time() - began

    cost(1)
    assert cost(20_000) < 25 * cost(2_000)  # copying the list for each entry makes it some 70 times
