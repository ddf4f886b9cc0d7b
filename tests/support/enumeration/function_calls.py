"""Which functions of the package a call enters.

Only files of the package count, so that an update of a library changes nothing here.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import identity
from support.enumeration.probes import Probe

_REPEATED = 8  # until every statement is prepared and every cache filled
_OURS = f"{Path(identity.__file__).parent}{os.sep}"
_RANDOM = "identifiers.py"  # how often it draws depends on what it has drawn
_LOOKS = 3
_FEWEST = 50  # calls; a request that takes fewer has not been watched
_THREADS = ("MainThread", "hash_0")  # others look after something else


class FunctionCalls:
    """Counts the functions of the package that are entered during a call."""

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

    def of(self, use: Probe) -> Counter[str]:
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
        if not self._looking or happened != "call" or not code.co_filename.startswith(_OURS):
            return
        if threading.current_thread().name in _THREADS and not code.co_filename.endswith(_RANDOM):
            self._seen[f"{code.co_filename.removeprefix(_OURS)}:{code.co_qualname}"] += 1

    def require_same(self, uses: Mapping[str, Probe], *, but: frozenset[str] = frozenset()) -> None:
        """Make sure that each goes through the functions of the first, each as often, except for
        those named."""
        for _ in range(_REPEATED):
            for use in uses.values():
                use()
        taken = {name: self.of(use) for name, use in uses.items()}
        for _ in range(
            _LOOKS - 1
        ):  # what is done once in a second is in one look and not in the next
            taken = {name: taken[name] & self.of(use) for name, use in uses.items()}
        first, *others = taken.values()
        assert first.total() >= _FEWEST, "nothing was seen"
        for name, steps in zip(list(taken)[1:], others, strict=True):
            more, less = steps - first, first - steps
            assert {*more, *less} <= but, f"{name}: more {more}, less {less}"
