"""Limits concurrent body reads, and cuts off slow senders.

Reading a body blocks a thread of the server for as long as the sender likes. So only some of the
threads read bodies, no network gets all of these, and senders that take too long are cut off.
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
_SLOTS: Final = 12  # of the 16 threads of a worker; the others never read bodies
HALF_OF_THE_SLOTS: Final = _SLOTS // 2
_SLOW_CLIENT_SECONDS: Final = 60.0  # how long a slow client gets one of the first six slots only
_SLOW_CLIENTS: Final = 4096
TIMEOUT_SECONDS: Final = 10.0  # for 64 KiB; ordinary clients need a hundredth of it
# While half of the slots are taken. Longer than any wait for a password hash.
SHORT_TIMEOUT_SECONDS: Final = 3.0
_CHECK_SECONDS: Final = 0.25
_SLACK_SECONDS: Final = 0.5  # the server may have sent "100 Continue" after it began to wait
_RETRY_AFTER: Final = timedelta(seconds=1)
_REPEATED_SECONDS: Final = 10.0  # a refusal of the same client within this time is a repetition
_REFUSED_CLIENTS: Final = 1024


@dataclass(eq=False, slots=True)
class BodyRead:
    """One body that is being read; `cut` is set when its sender is cut off."""

    port: int
    ip: str
    client: str
    network: str
    since: float
    proxied: bool = False
    cut: bool = False


class BodyReads:
    """Tracks the bodies that are being read.

    Args:
        cut_off: closes the connections from an IP to a port that have been idle for some seconds.
    """

    def __init__(self, cut_off: Callable[..., None]) -> None:
        self._cut_off = cut_off
        self._lock = threading.Lock()
        self._reads: set[BodyRead] = set()
        self._refused: dict[str, float] = {}
        self._slow: dict[str, float] = {}
        self._watcher: threading.Thread | None = None

    @contextmanager
    def reading(self, environ: WSGIEnvironment, client_ip: str) -> Iterator[BodyRead]:
        """Hold a slot for the body of this request inside the block.

        Args:
            environ: of the request.
            client_ip: the IP of the client, which may differ from that of the connection.

        Raises:
            SlowBodies: too many others are still arriving, in all or from the same network.
        """
        read = _body_read(environ, client_ip)
        with self._lock:
            self._require_slot(read)
            self._reads.add(read)
            self._watch()
        try:
            yield read
        finally:
            with self._lock:
                self._reads.discard(read)

    def cut_overdue(self) -> None:
        """Cut off every sender whose time is up; there is less time while half the slots are taken.

        Trusted proxies are not cut off, because other clients share their connections.
        """
        with self._lock:
            is_busy = len(self._reads) >= HALF_OF_THE_SLOTS
            timeout = SHORT_TIMEOUT_SECONDS if is_busy else TIMEOUT_SECONDS
            now = time.monotonic()
            late = [read for read in self._reads if read.since <= now - timeout]
            for read in late:
                put_bounded(
                    self._slow, read.client, now + _SLOW_CLIENT_SECONDS, bound=_SLOW_CLIENTS
                )
            overdue = {(read.port, read.ip) for read in late if not read.proxied}
            latest = now - timeout + _SLACK_SECONDS
            for read in self._reads:
                if read.since <= latest and (read.port, read.ip) in overdue:
                    read.cut = True
        for port, ip in overdue:
            self._cut_off(port, ip, idle_seconds=timeout - _SLACK_SECONDS)

    def _require_slot(self, read: BodyRead) -> None:
        # A network may hold as many slots as are free, so that each new network gets a share.
        is_slow = time.monotonic() < self._slow.get(read.client, 0.0)
        free = (HALF_OF_THE_SLOTS if is_slow else _SLOTS) - len(self._reads)
        if sum(other.network == read.network for other in self._reads) >= free:
            raise SlowBodies(_RETRY_AFTER, repeated=self._was_refused(read.client))

    def _was_refused(self, client: str) -> bool:
        """Return whether a client was refused shortly before, and record that it is refused now."""
        now = time.monotonic()
        repeated = now < self._refused.get(client, 0.0)
        if not repeated:
            put_bounded(self._refused, client, now + _REPEATED_SECONDS, bound=_REFUSED_CLIENTS)
        return repeated

    def _watch(self) -> None:
        if self._watcher is None:
            self._watcher = threading.Thread(target=self._run, name="bodies", daemon=True)
            self._watcher.start()

    def _run(self) -> None:
        while self._has_reads():
            time.sleep(_CHECK_SECONDS)
            self.cut_overdue()

    def _has_reads(self) -> bool:
        """Tell whether to go on watching; the next body starts another thread."""
        with self._lock:
            if not self._reads:
                self._watcher = None
            return bool(self._reads)


def _body_read(environ: WSGIEnvironment, client_ip: str) -> BodyRead:
    peer = str(environ.get("REMOTE_ADDR", ""))
    port = str(environ.get("SERVER_PORT", ""))
    return BodyRead(
        port=int(port) if port.isdigit() else 0,
        ip=peer,
        client=client_network(client_ip),
        network=wide_network(client_ip),
        since=time.monotonic(),
        proxied=CONTEXT in environ and trusted(peer, environ[CONTEXT].settings.trusted_proxies),
    )


def install(app: Flask, cut_off: Callable[..., None]) -> None:
    """Limit the body reads of `app`."""
    app.extensions[_KEY] = BodyReads(cut_off)


def body_reads() -> BodyReads:
    """Return the body reads of the current application."""
    return cast("BodyReads", current_app.extensions[_KEY])
