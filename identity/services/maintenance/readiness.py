"""Whether requests can be served: asked of everything that they need, with one time limit for the whole answer."""

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
    """Asks conditions, each of which raises an Unavailable that says what is missing.

    A database that stands still answers no question, and a time limit of the driver is one for each step: to test a
    connection, to open another one, to ask. So the questions are asked in a thread that callers do not wait for
    any longer than the limit. There is one such thread at a time, and its answer is for all who ask meanwhile.

    Args:
        conditions: are asked in this order.
        drain_mark: known to all processes of this node.
        limit_seconds: for all of them together.
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
        self._turn = threading.Lock()
        self._asking: _Round | None = None

    def require(self) -> None:
        """Make sure requests can be served.

        Raises:
            Unavailable: they cannot; which one it is says why.
        """
        if self._drain_mark.is_set():
            raise Draining(_RETRY_AFTER)
        asked = self._ask()
        if not asked.answered.wait(self._limit_seconds):
            raise Unavailable(_RETRY_AFTER, "no answer in time")
        if asked.refusal is not None:
            raise asked.refusal

    def drain(self) -> None:
        """Have every process of this node say from now on that it is not ready."""
        _log.info("draining: /readyz says 503 from now on")
        self._drain_mark.set()

    def _ask(self) -> _Round:
        with self._turn:
            if self._asking is None or self._asking.answered.is_set():
                self._asking = _Round(self._conditions)
                threading.Thread(
                    target=self._asking.run, name="identity-readiness", daemon=True
                ).start()
            return self._asking


class _Round:
    """The conditions, asked once."""

    def __init__(self, conditions: Sequence[Condition]) -> None:
        self._conditions = conditions
        self.answered = threading.Event()
        self.refusal: IdentityError | None = None

    def run(self) -> None:
        """Ask until one refuses."""
        try:
            for condition in self._conditions:
                condition()
        except IdentityError as error:
            self.refusal = error
        except Exception:  # noqa: BLE001 - in doubt it is not ready, and callers must not wait
            _log.exception("readiness could not be asked for")
            self.refusal = Unavailable(_RETRY_AFTER)
        finally:
            self.answered.set()
