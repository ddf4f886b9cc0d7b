"""Checks whether requests can be served, within one time limit for all conditions."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final

from identity.domain.errors import Draining, IdentityError, Unavailable
from identity.domain.ports import DrainMark

_log = logging.getLogger(__name__)
_LIMIT_SECONDS: Final = 2.0
_RETRY_AFTER: Final = timedelta(seconds=2)

Condition = Callable[[], None]


class Readiness:
    """Checks conditions, each of which raises Unavailable if it is not met.

    A frozen database does not answer at all, and a driver has a time limit for each step only:
    testing a connection, opening another, running a statement. So the conditions are checked in a
    thread, for which callers wait no longer than the limit. There is one such thread at a time, and
    its result is shared by all callers that arrive meanwhile.

    Args:
        conditions: to check, in this order.
        drain_mark: shared by all processes of this node.
        limit_seconds: for all conditions together.
    """

    def __init__(
        self,
        conditions: Sequence[Condition],
        drain_mark: DrainMark,
        *,
        limit_seconds: float = _LIMIT_SECONDS,
    ) -> None:
        self._conditions = conditions
        self._drain_mark = drain_mark
        self._limit_seconds = limit_seconds
        self._lock = threading.Lock()
        self._current: _Check | None = None

    def require(self) -> None:
        """Require that requests can be served.

        Raises:
            Unavailable: they cannot; the subclass tells why.
        """
        if self._drain_mark.is_set():
            raise Draining(_RETRY_AFTER)
        check = self._join_check()
        if not check.done.wait(self._limit_seconds):
            raise Unavailable(_RETRY_AFTER, "no answer in time")
        if check.error is not None:
            raise check.error

    def drain(self) -> None:
        """Make every process of this node report from now on that it is not ready."""
        _log.info("draining: /readyz now returns 503")
        self._drain_mark.set()

    def _join_check(self) -> _Check:
        with self._lock:
            if self._current is None or self._current.done.is_set():
                self._current = _Check(self._conditions)
                threading.Thread(target=self._current.run, name="readiness", daemon=True).start()
            return self._current


class _Check:
    """One check of all conditions."""

    def __init__(self, conditions: Sequence[Condition]) -> None:
        self._conditions = conditions
        self.done = threading.Event()
        self.error: IdentityError | None = None

    def run(self) -> None:
        """Check the conditions until one is not met."""
        try:
            for condition in self._conditions:
                condition()
        except IdentityError as error:
            self.error = error
        except Exception:  # noqa: BLE001 - not ready if in doubt, and callers must not wait
            _log.exception("readiness check failed")
            self.error = Unavailable(_RETRY_AFTER)
        finally:
            self.done.set()
