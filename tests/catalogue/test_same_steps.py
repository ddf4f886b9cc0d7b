"""Every function of the package is entered as often for an unknown name as for a known one
(decision 36).

This finds differences of twenty microseconds, which a clock shows on an idle machine only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from support.enumeration.function_calls import FunctionCalls
from support.enumeration.probes import (
    ENGINES,
    GUESSES,
    HARDENED,
    REGISTRATIONS,
    RESETS,
    Prober,
    email_of,
    free,
    imported,
    probing,
    register,
    uses,
)

# The mail beyond an owner's limit is counted no further: in place of the look for counters that are
# over.
BEYOND_THE_LIMIT = frozenset(
    {"services/limits/limits.py:Limits.uncount", "services/limits/limits.py:Limits._sweep"}
)


@pytest.fixture(scope="module", params=ENGINES)
def watched(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Prober, FunctionCalls]]:
    """A prober of a hardened service, and the functions that the service enters."""
    steps = FunctionCalls()
    with steps.in_every_thread(), probing(request, tmp_path_factory, **HARDENED) as prober:
        yield prober, steps


@pytest.mark.parametrize("guess", GUESSES)
def test_a_wrong_password_takes_the_same_steps_for_every_account(
    watched: tuple[Prober, FunctionCalls], guess: str
) -> None:
    prober, steps = watched
    steps.require_same(uses(prober, GUESSES[guess]))


def test_a_wrong_password_takes_the_same_steps_also_for_a_hash_of_another_system(
    watched: tuple[Prober, FunctionCalls],
) -> None:
    prober, steps = watched
    steps.require_same(imported(prober, GUESSES["basic"]))


@pytest.mark.parametrize("reset", RESETS)
def test_a_reset_takes_the_same_steps_for_every_account(
    watched: tuple[Prober, FunctionCalls], reset: str
) -> None:
    prober, steps = watched
    steps.require_same(uses(prober, RESETS[reset]))


@pytest.mark.parametrize("dialect", REGISTRATIONS)
def test_a_registration_takes_the_same_steps_whether_its_email_is_taken_or_not(
    watched: tuple[Prober, FunctionCalls], dialect: str
) -> None:
    prober, steps = watched
    taken = email_of(prober.people()["known"])
    emails: dict[str, Callable[[], str]] = {"free": free, "taken": lambda: taken}
    asked = {
        who: (lambda email=email: register(prober, dialect, email()))
        for who, email in emails.items()
    }
    steps.require_same(asked, but=BEYOND_THE_LIMIT)
