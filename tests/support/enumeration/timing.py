"""Compare calls by the time that they take: how often a sample of one is longer than one of the
other.
"""

from __future__ import annotations

import gc
import random
import time
from bisect import bisect_left, bisect_right
from collections.abc import Mapping

from support.enumeration.probes import Probe

APART = 0.10  # an AUC may be so far from 0.5
STEP, FEWEST, MOST = 25, 100, 900
PATIENCE_SECONDS = 60
CERTAIN = 1.645  # standard errors: what is said with them is true in 19 cases of 20
CLOCKS = {"on the wall": time.perf_counter, "of the processor": time.process_time}


def auc(one: list[float], other: list[float]) -> float:
    """Return how often a sample of `one` is longer than one of `other` (Mann-Whitney): 0.5 tells
    nothing."""
    ordered = sorted(other)
    wins = sum(bisect_left(ordered, each) + bisect_right(ordered, each) for each in one)
    return wins / (2 * len(one) * len(other))


class Samples:
    """What some calls took, by each clock."""

    def __init__(self, uses: Mapping[str, Probe]) -> None:
        self._uses = uses
        self._order = random.Random(194)  # noqa: S311 - an order, no secret
        self._seconds: dict[str, dict[str, list[float]]] = {
            clock: {name: [] for name in uses} for clock in CLOCKS
        }
        self.rounds = 0

    def take(self, rounds: int) -> None:
        """Call everything in turn, in a new order in every round."""
        names = list(self._uses)
        gc.collect()
        gc.disable()  # one call would pay for the rubbish of many
        try:
            for _ in range(rounds):
                self._order.shuffle(names)
                for name in names:
                    self._time(name)
        finally:
            gc.enable()
        self.rounds += rounds

    def _time(self, name: str) -> None:
        began = [read() for read in CLOCKS.values()]
        self._uses[name]()
        for clock, start, end in zip(
            CLOCKS, began, [read() for read in CLOCKS.values()], strict=True
        ):
            self._seconds[clock][name].append(end - start)

    def aucs(self) -> dict[str, float]:
        """Return the AUC of each against the first, by each clock."""
        first, *others = self._uses
        return {
            f"{name} {clock}": auc(seconds[name], seconds[first])
            for clock, seconds in self._seconds.items()
            for name in others
        }

    @property
    def standard_error(self) -> float:
        """How far an AUC is off by chance (Mann-Whitney, two samples of one size that do not
        differ)."""
        return float(((2 * self.rounds + 1) / 12) ** 0.5 / self.rounds)


def require_same_time(uses: Mapping[str, Probe]) -> None:
    """Make sure that nothing can be told from the first by its time: with every AUC within 0.40 to
    0.60.

    A hundred pairs leave an AUC uncertain by 0.04, so samples are added up until it is clear on
    which side of the
    bound it lies, or there are 900, or time is up. Other work on the machine makes that later, not
    wrong: the order
    is random.
    """
    until = time.monotonic() + PATIENCE_SECONDS
    Samples(uses).take(5)  # the first calls prepare statements and fill caches
    samples = Samples(uses)
    samples.take(FEWEST)
    while True:
        found = samples.aucs()
        off = max(abs(each - 0.5) for each in found.values())
        clear = abs(off - APART) >= CERTAIN * samples.standard_error
        if clear or samples.rounds >= MOST or time.monotonic() > until:
            break
        samples.take(STEP)
    assert off <= APART, (
        f"told from {next(iter(uses))!r} by time, AUC after {samples.rounds} pairs: {found}"
    )
