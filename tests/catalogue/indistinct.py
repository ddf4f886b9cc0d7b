"""Telling two things apart by time, as somebody who guesses would: interleaved samples and a rank test."""

from __future__ import annotations

import random
import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping

from werkzeug.test import TestResponse

PAIRS = 120
TRIES = 5
Asked = Callable[[], TestResponse]


def auc(one: list[float], other: list[float]) -> float:
    """Return how often a sample of `one` is longer than one of `other` (Mann-Whitney): 0.5 tells nothing."""
    ordered = sorted(other)
    wins = sum(bisect_left(ordered, each) + bisect_right(ordered, each) for each in one)
    return wins / (2 * len(one) * len(other))


def measure(uses: Mapping[str, Asked], pairs: int) -> dict[str, list[float]]:
    """Call everything in turn, in a new order in every round, and return the seconds that each call took."""
    order = random.Random(194)  # noqa: S311 - an order, no secret
    seconds: dict[str, list[float]] = {name: [] for name in uses}
    names = list(uses)
    for _ in range(pairs):
        order.shuffle(names)
        for name in names:
            began = time.perf_counter()
            uses[name]()
            seconds[name].append(time.perf_counter() - began)
    return seconds


def require_one_time(uses: Mapping[str, Asked], *, pairs: int = PAIRS) -> None:
    """Make sure that nothing can be told from the first by its time.

    A machine with other work to do may spoil a measurement, never three in a row; a difference spoils them all.
    """
    measure(uses, 5)
    found: dict[str, float] = {}
    for _ in range(TRIES):
        seconds = measure(uses, pairs)
        first, *others = uses
        found = {name: auc(seconds[name], seconds[first]) for name in others}
        if all(0.40 <= each <= 0.60 for each in found.values()):
            return
    raise AssertionError(f"told from {first!r} by time, AUC: {found}")


def require_one_answer(uses: Mapping[str, Asked]) -> None:
    """Make sure that all answers are the same to the byte, but for the request's id."""
    answers = {name: said(use()) for name, use in uses.items()}
    first = next(iter(answers.values()))
    assert all(answer == first for answer in answers.values()), answers


def said(answer: TestResponse) -> tuple[str, list[tuple[str, str]], str]:
    """Return everything in an answer, in order, with one word for its id."""
    request_id = answer.headers["X-Request-ID"]
    headers = [(name, value) for name, value in answer.headers if name not in {"Date", "X-Request-ID"}]
    return answer.status, headers, answer.text.replace(request_id, "(id)")
