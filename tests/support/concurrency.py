"""Many callers at the same moment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

from identity.domain.errors import IdentityError


def at_once(*uses: Callable[[], Any]) -> list[Any]:
    """Call everything at the same moment; return what each gave, in order, or the refusal that it
    got.

    Any other error is a bug and is raised.
    """
    barrier = Barrier(len(uses))

    def run(use: Callable[[], Any]) -> Any:
        barrier.wait(60)
        try:
            return use()
        except IdentityError as refusal:
            return refusal

    with ThreadPoolExecutor(len(uses)) as pool:
        return list(pool.map(run, uses))


def count_types(results: Sequence[Any]) -> dict[str, int]:
    """Count the results by the name of their type."""
    return dict(Counter(type(each).__name__ for each in results))
