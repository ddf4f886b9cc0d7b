"""The server for HTTP: granian, with workers from our fork server."""

from __future__ import annotations

import argparse
import multiprocessing
import signal
import time
from collections.abc import Callable
from typing import Final

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server import MPServer, mp

from identity.server.draining import Ending
from identity.server.forkserver import room_for_connections, told_by_parent_alone

_STARTS: Final = 5
_PAUSE_SECONDS: Final = 0.2
# The head of a request waits in memory until it is complete. What arrives together with its last
# part is read, too: up to this much is always accepted, and more than twice as much never (431).
_HEAD_BYTES: Final = 16 * 1024


class WorkerServer(MPServer):
    """Granian, whose workers come back however often they are killed, and that ends when we say so."""

    ending: Ending | None = None

    def signal_handler_interrupt(self, number: int = signal.SIGINT, _frame: object = None) -> None:
        """End on a signal, or after a while."""
        stop: Callable[[], None] = super().signal_handler_interrupt
        self.ending.heard(number, stop) if self.ending else stop()

    def signal_handler_reload(self, number: int = signal.SIGHUP, _frame: object = None) -> None:
        """End when the terminal closes; there is nothing to reload."""
        self.signal_handler_interrupt(number)

    def _respawn_workers(
        self, workers: list[int], spawn_target: object, target_loader: object, delay: float = 0
    ) -> None:
        super()._respawn_workers(workers, spawn_target, target_loader, delay)
        self.respawned_wrks.clear()  # what it counts as a crash loop, so as to end the whole service

    def shutdown(self, exit_code: int = 0) -> None:
        """End the workers; one that ended a moment earlier, by the same signal, is no failure."""
        self.interrupt_children.clear()
        super().shutdown(exit_code)  # type: ignore[no-untyped-call]


class _Worker(mp.WorkerProcess):
    """A worker that begins as `multiprocessing` was told to; granian knows no fork server."""

    def _spawn(self, target: Callable[..., None], args: tuple[object, ...]) -> None:
        self.inner = _Process(name="identity-worker", target=target, args=args)


class _Process(multiprocessing.Process):
    """A process that begins also when the fork server has been killed."""

    def start(self) -> None:
        """Begin."""
        for _ in range(_STARTS - 1):
            try:
                with told_by_parent_alone():
                    return super().start()
            except (EOFError, OSError):
                time.sleep(_PAUSE_SECONDS)  # the next attempt starts another fork server
        return super().start()


mp.WorkerProcess = _Worker  # type: ignore[misc]


def server(target: str, options: argparse.Namespace) -> WorkerServer:
    """Return the server for a WSGI application with the options of `identity serve`."""
    return WorkerServer(
        target,
        interface=Interfaces.WSGI,
        address=options.host,
        port=options.port,
        workers=options.workers,
        blocking_threads=options.threads,
        backpressure=max(options.threads, room_for_connections()),
        respawn_failed_workers=True,
        respawn_interval=0.5,
        workers_kill_timeout=10,
        log_level=LogLevels.error,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(max_buffer_size=_HEAD_BYTES),
        websockets=False,
    )
