"""The rows of the results, and the table of them."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from harness.knobs import ROUNDS, note

_HEAD: Final = ("what", "figure", "against", "ratio", "goal", "")


@dataclass(frozen=True)
class Row:
    """One line: a figure, the baseline if there is one, and the goal."""

    what: str
    figure: float = 0.0
    against: tuple[float, str] | None = None
    goal: float | None = None
    unit: str = "/s"
    at_most: bool = False
    missing: str = ""

    @property
    def ratio(self) -> float:
        """The figure divided by its baseline."""
        return self.figure / self.against[0] if self.against and self.against[0] else 0.0

    @property
    def met(self) -> bool:
        """Whether the goal is reached."""
        value = self.ratio if self.against else self.figure
        return self.goal is None or (value <= self.goal if self.at_most else value >= self.goal)

    def cells(self) -> tuple[str, ...]:
        """Return the cells of the line."""
        if self.missing:
            against = self.against[1] if self.against else "-"
            return (self.what, "-", against, "-", self._goal(), f"not measured: {self.missing}")
        against = (
            f"{_number(self.against[0])} {self.unit} {self.against[1]}" if self.against else "-"
        )
        ratio = f"{self.ratio:.2f}" if self.against else "-"
        verdict = "" if self.goal is None else "met" if self.met else "**missed**"
        return (
            self.what,
            f"{_number(self.figure)} {self.unit}",
            against,
            ratio,
            self._goal(),
            verdict,
        )

    def _goal(self) -> str:
        if self.goal is None:
            return "-"
        unit = "" if self.against else f" {self.unit}"
        return f"{'≤' if self.at_most else '≥'} {self.goal:g}{unit}"


def markdown(rows: Iterable[Row]) -> str:
    """Return the table as the page shows it."""
    return grid(_HEAD, [row.cells() for row in rows])


def grid(head: Iterable[str], lines: Iterable[Iterable[str]]) -> str:
    """Return any table as aligned Markdown."""
    cells = [list(head), *map(list, lines)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    texts = [
        " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        for line in cells
    ]
    rule = "|".join("-" * (width + 2) for width in widths)
    return "\n".join([f"| {texts[0]} |", f"|{rule}|", *(f"| {text} |" for text in texts[1:])])


def alternate(
    measures: Mapping[str, Callable[[], float]], *, rounds: int = ROUNDS, warm_up: bool = False
) -> dict[str, float]:
    """Measure in turn, so that noise affects all alike, and return the medians.

    Args:
        measures: what to measure, by name.
        rounds: the number of repetitions.
        warm_up: first measure everything once without recording it.
    """
    figures: dict[str, list[float]] = {name: [] for name in measures}
    for measure in measures.values() if warm_up else ():
        measure()
    for number in range(rounds):
        for name, measure in measures.items():
            figures[name].append(measure())
        note(
            f"round {number + 1}/{rounds}: "
            + ", ".join(f"{name} {each[-1]:,.1f}" for name, each in figures.items())
        )
    return {name: statistics.median(each) for name, each in figures.items()}


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"  # noqa: PLR2004 - three digits are enough
