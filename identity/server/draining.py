"""How serving ends: at once, or after load balancers have heard that this node is not ready any more."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from datetime import timedelta


class Ending:
    """Decides for each signal when the server is told to end.

    SIGTERM is what supervisors send, and waits; Ctrl-C and a terminal that closes do not. A second signal ends a wait.

    Args:
        announce: tells everyone who asks that this node is not ready.
        wait: for how long it is told before the server ends.
    """

    def __init__(self, announce: Callable[[], None], wait: timedelta) -> None:
        self._announce = announce
        self._wait = wait
        self._begun = False
        self._ignored = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN

    def heard(self, number: int, stop: Callable[[], None]) -> None:
        """Have `stop` called, now or later; a hang-up that was to be ignored from the start (`nohup`) stays so."""
        if number == signal.SIGHUP and self._ignored:
            return
        if number != signal.SIGTERM or not self._wait or self._begun:
            stop()
            return
        self._begun = True
        self._announce()
        timer = threading.Timer(self._wait.total_seconds(), stop)
        timer.daemon = True
        timer.start()
