"""Readiness: the first failed condition is reported, and callers wait no longer than the limit."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from identity.domain.errors import Draining, SchemaOutdated, Unavailable
from identity.services.maintenance.readiness import Readiness
from support.waiting import wait_until


class Mark:
    """A mark that this process alone knows."""

    said = False

    def set(self) -> None:
        self.said = True

    def is_set(self) -> bool:
        return self.said


def refusing(error: Exception) -> Callable[[], None]:
    def condition() -> None:
        raise error

    return condition


def test_all_conditions_hold_or_the_first_that_does_not_says_why() -> None:
    outdated, unavailable = SchemaOutdated(timedelta(1)), Unavailable(timedelta(1))
    Readiness([lambda: None, lambda: None], Mark()).require()
    with pytest.raises(SchemaOutdated):
        Readiness([lambda: None, refusing(outdated), refusing(unavailable)], Mark()).require()


def test_a_mistake_in_a_condition_is_not_ready() -> None:
    with pytest.raises(Unavailable):
        Readiness([refusing(KeyError("x"))], Mark()).require()


def test_a_condition_that_does_not_end_is_waited_for_once_by_all_and_only_for_the_limit() -> None:
    going_on, begun = threading.Event(), []

    def silent() -> None:
        begun.append(1)
        going_on.wait(60)

    readiness = Readiness([silent], Mark(), limit_seconds=0.3)

    def ask(_number: int) -> float:
        started = time.monotonic()
        with pytest.raises(Unavailable):
            readiness.require()
        return time.monotonic() - started

    with ThreadPoolExecutor(8) as callers:
        assert max(callers.map(ask, range(16))) < 2
    assert begun == [1]
    going_on.set()
    wait_until(
        lambda: (
            len(begun) == 1 and readiness._current is not None and readiness._current.done.is_set()
        )
    )
    readiness.require()
    assert begun == [1, 1]


def test_every_question_is_asked_anew() -> None:
    answers = [None, SchemaOutdated(timedelta(1)), None]

    def condition() -> None:
        if (error := answers.pop(0)) is not None:
            raise error

    readiness = Readiness([condition], Mark())
    readiness.require()
    with pytest.raises(SchemaOutdated):
        readiness.require()
    readiness.require()


def test_a_node_that_drains_is_never_ready() -> None:
    readiness = Readiness([lambda: None], Mark())
    readiness.require()
    readiness.drain()
    with pytest.raises(Draining):
        readiness.require()
