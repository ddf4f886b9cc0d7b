"""Compare calls by their answers and by the work that is done for them.

`tests/timing` compares their times.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from difflib import unified_diff
from typing import Any

from sqlalchemy import event
from werkzeug.test import TestResponse

from support.database import engine_of
from support.enumeration.probes import Probe, Prober

Work = list[str]


def require_same_answer(uses: Mapping[str, Probe]) -> None:
    """Make sure that all answers are the same to the byte, but for the request's id."""
    answers = {name: said(use()) for name, use in uses.items()}
    first = next(iter(answers.values()))
    assert all(answer == first for answer in answers.values()), answers


def said(answer: TestResponse) -> tuple[str, list[tuple[str, str]], str]:
    """Return everything in an answer, in order, with one word for its id."""
    request_id = answer.headers["X-Request-ID"]
    headers = [
        (name, value) for name, value in answer.headers if name not in {"Date", "X-Request-ID"}
    ]
    return answer.status, headers, answer.text.replace(request_id, "(id)")


def require_same_work(prober: Prober, uses: Mapping[str, Probe], *, times: int = 1) -> None:
    """Make sure that the same is done for each, also when it is asked again."""
    for nth in range(times):
        done = {name: work(prober, use) for name, use in uses.items()}
        first = next(iter(done))
        for name, steps in done.items():
            difference = "\n".join(unified_diff(done[first], steps, first, name, lineterm="", n=1))
            assert not difference, f"at time {nth + 1}:\n{difference}"


def work(prober: Prober, use: Probe) -> Work:
    """Return what is done for a call: every statement, the rows it writes, the ends of
    transactions, the hashes."""
    checked, hashed = len(prober.passwords.checked), prober.passwords.hashed
    with _watched(prober) as steps:
        use()
    return [
        *steps,
        (
            f"{len(prober.passwords.checked) - checked} checked, "
            f"{prober.passwords.hashed - hashed} hashed"
        ),
    ]


@contextmanager
def _watched(prober: Prober) -> Iterator[Work]:
    steps: Work = []

    def see(_connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        # What is found is not visible to a caller, and neither is whether a mail is kept.
        written = not statement.startswith(("SELECT", "DELETE FROM outbox_mail"))
        steps.append(" ".join(statement.split()) + f"; {cursor.rowcount} rows" * written)

    listeners: dict[str, Callable[..., None]] = {
        "after_cursor_execute": see,
        "commit": lambda _: steps.append("COMMIT"),
        "rollback": lambda _: steps.append("ROLLBACK"),
    }
    engine = engine_of(prober.app)
    for name, listener in listeners.items():
        event.listen(engine, name, listener)
    try:
        yield steps
    finally:
        for name, listener in listeners.items():
            event.remove(engine, name, listener)
