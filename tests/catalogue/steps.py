"""Which functions a call runs through, ours and those of every library: what the processor does, without a clock."""

from __future__ import annotations

import gc
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any

from catalogue.asking import Asked

_REPEATED = 8  # until every statement is prepared and every cache filled
# What a caller does himself, and what depends on a random number.
_OUTSIDE = ("/tests/", "random.py", "identifiers.py")
_THREADS = ("MainThread", "hash_0")  # others look after something else


class Steps:
    """Counts the functions that are entered while somebody looks."""

    def __init__(self) -> None:
        self._looking = False
        self._seen: Counter[str] = Counter()

    @contextmanager
    def in_every_thread(self) -> Iterator[None]:
        """See also the threads that begin in this block, such as the one that hashes."""
        threading.setprofile(self._see)
        try:
            yield
        finally:
            threading.setprofile(None)

    def of(self, use: Asked) -> Counter[str]:
        """Return how often a call enters which function."""
        self._seen = Counter()
        gc.collect()
        gc.disable()
        sys.setprofile(self._see)
        self._looking = True
        try:
            use()
        finally:
            self._looking = False
            sys.setprofile(None)
            gc.enable()
        return self._seen

    def _see(self, frame: FrameType, happened: str, _: Any) -> None:
        code = frame.f_code
        ours = self._looking and happened == "call" and threading.current_thread().name in _THREADS
        if ours and not any(each in code.co_filename for each in _OUTSIDE):
            self._seen[f"{code.co_filename}:{code.co_qualname}"] += 1

    def require_same(self, uses: Mapping[str, Asked], *, but: int) -> None:
        """Make sure that each goes through the functions of the first, except for so many calls of a function."""
        for _ in range(_REPEATED):
            for use in uses.values():
                use()
        taken = {name: self.of(use) for name, use in uses.items()}
        first, *others = taken.values()
        assert first.total() > but * 100, "nothing was seen"
        for name, steps in zip(list(taken)[1:], others, strict=True):
            more, less = steps - first, first - steps
            assert more.total() + less.total() <= but, f"{name}: more {more}, less {less}"
