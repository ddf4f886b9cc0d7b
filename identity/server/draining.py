"""Stops the server on a signal: at once, or after load balancers have seen that it drains."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from datetime import timedelta


class Draining:
    """Decides when a signal stops the server.

    SIGTERM, which supervisors send, drains first. SIGINT and SIGHUP stop at once, and so does a
    second signal while the node drains.

    Args:
        announce: makes `/readyz` answer 503.
        duration: how long the node drains before the server stops.
    """

    def __init__(self, announce: Callable[[], None], duration: timedelta) -> None:
        self._announce = announce
        self._duration = duration
        self._started = False
        self._ignores_hangup = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN

    def on_signal(self, number: int, stop: Callable[[], None]) -> None:
        """Call `stop` now or later. SIGHUP is ignored if it was at the start, as with `nohup`."""
        if number == signal.SIGHUP and self._ignores_hangup:
            return
        if number != signal.SIGTERM or not self._duration or self._started:
            stop()
            return
        self._started = True
        self._announce()
        timer = threading.Timer(self._duration.total_seconds(), stop)
        timer.daemon = True
        timer.start()
