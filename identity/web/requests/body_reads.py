"""Bodies on their way: how many a process waits for at once, and for how long.

A sender decides how long his body takes, and the server library waits for him in a thread that others need. So some
of the threads never wait, nobody gets all of those that do, and whoever takes too long is cut off.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final, cast

from flask import Flask, current_app

from identity.caching import put_bounded
from identity.domain.limits import client_network, wide_network
from identity.web.environ import CONTEXT
from identity.web.peers import trusted
from identity.web.problems import SlowBodies

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_KEY: Final = "identity.body_reads"
_PLACES: Final = 12  # of the sixteen threads of a worker; the others never wait for a body
BODIES_AT_ONCE: Final = _PLACES // 2  # of one network; then those who take long are hurried
_SLOW_SECONDS: Final = (
    60.0  # for so long who has taken too long gets one of the first six places only
)
_SLOW_KNOWN: Final = 4096
PATIENCE_SECONDS: Final = 10.0  # for 64 KiB: an honest sender needs a hundredth
HURRY_SECONDS: Final = (
    3.0  # while others are turned away; longer than any wait for a password's hash
)
_LOOK_SECONDS: Final = 0.25
_SLACK_SECONDS: Final = 0.5  # the server may have sent "100 Continue" after it began to wait
_RETRY_AFTER: Final = timedelta(seconds=1)
_NEWS_SECONDS: Final = 10.0  # a caller who is refused again within so long is no news
_REFUSED_KNOWN: Final = 1024


@dataclass(eq=False, slots=True)
class Arrival:
    """One body on its way; `cut` once its sender has been given up."""

    port: int
    address: str
    caller: str
    network: str
    since: float
    proxied: bool = False
    cut: bool = False


class BodyReads:
    """Knows the bodies on their way.

    Args:
        cut_off: ends what comes to a port from an address and has got nothing back for so many seconds.
    """

    def __init__(self, cut_off: Callable[..., None]) -> None:
        self._cut_off = cut_off
        self._lock = threading.Lock()
        self._waiting: set[Arrival] = set()
        self._refused: dict[str, float] = {}
        self._slow: dict[str, float] = {}
        self._watcher: threading.Thread | None = None

    @contextmanager
    def awaiting(self, environ: WSGIEnvironment, caller: str) -> Iterator[Arrival]:
        """Wait for the body of this request inside the block.

        Args:
            environ: of the request.
            caller: the address behind it, which a proxy may have told.

        Raises:
            SlowBodies: too many others are still arriving, in all or from the caller's network.
        """
        arrival = _arrival(environ, caller)
        with self._lock:
            self._require_room(arrival)
            self._waiting.add(arrival)
            self._watch()
        try:
            yield arrival
        finally:
            with self._lock:
                self._waiting.discard(arrival)

    def cut_overdue(self) -> None:
        """Cut off every sender who has had their time; it is short while half of the places are taken.

        What a trusted proxy sends is not cut off: its connections are shared by others.
        """
        with self._lock:
            patience = HURRY_SECONDS if len(self._waiting) >= BODIES_AT_ONCE else PATIENCE_SECONDS
            latest = time.monotonic() - patience
            late = [each for each in self._waiting if each.since <= latest]
            overdue = {(each.port, each.address) for each in late if not each.proxied}
            for each in late:
                put_bounded(
                    self._slow, each.caller, time.monotonic() + _SLOW_SECONDS, bound=_SLOW_KNOWN
                )
            for each in self._waiting:
                each.cut |= (
                    each.since <= latest + _SLACK_SECONDS and (each.port, each.address) in overdue
                )
        for port, address in overdue:
            self._cut_off(port, address, idle_seconds=patience - _SLACK_SECONDS)

    def _require_room(self, arrival: Arrival) -> None:
        # A network may hold as many places as are still free, so each one that comes gets its share of the rest.
        slow = time.monotonic() < self._slow.get(arrival.caller, 0.0)
        free = (_PLACES // 2 if slow else _PLACES) - len(self._waiting)
        if sum(each.network == arrival.network for each in self._waiting) >= free:
            raise SlowBodies(_RETRY_AFTER, repeated=self._is_known(arrival.caller))

    def _is_known(self, caller: str) -> bool:
        """Tell whether a caller was refused a while ago, and note that they are now."""
        now = time.monotonic()
        known = now < self._refused.get(caller, 0.0)
        if not known:
            put_bounded(self._refused, caller, now + _NEWS_SECONDS, bound=_REFUSED_KNOWN)
        return known

    def _watch(self) -> None:
        if self._watcher is None:
            self._watcher = threading.Thread(target=self._look, name="bodies", daemon=True)
            self._watcher.start()

    def _look(self) -> None:
        while True:
            time.sleep(_LOOK_SECONDS)
            self.cut_overdue()


def _arrival(environ: WSGIEnvironment, caller: str) -> Arrival:
    peer, port = str(environ.get("REMOTE_ADDR", "")), str(environ.get("SERVER_PORT", ""))
    return Arrival(
        port=int(port) if port.isdigit() else 0,
        address=peer,
        caller=client_network(caller),
        network=wide_network(caller),
        since=time.monotonic(),
        proxied=CONTEXT in environ and trusted(peer, environ[CONTEXT].settings.trusted_proxies),
    )


def install(app: Flask, cut_off: Callable[..., None]) -> None:
    """Limit the body reads of `app`."""
    app.extensions[_KEY] = BodyReads(cut_off)


def body_reads() -> BodyReads:
    """Return the body reads of the current application."""
    return cast("BodyReads", current_app.extensions[_KEY])
