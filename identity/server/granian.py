"""The HTTP server: granian, with workers from our fork server."""

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

from identity.server.draining import Draining
from identity.server.forkserver import raise_fd_limit, signals_blocked

_ATTEMPTS: Final = 5
_PAUSE_SECONDS: Final = 0.2
# The head of a request is buffered until it is complete, with everything that arrives together
# with its last part. So heads up to this size are always accepted, and above twice this size never
# (431).
_HEAD_BYTES: Final = 16 * 1024


class WorkerServer(MPServer):
    """Granian, but it always restarts its workers, and drains before it stops."""

    draining: Draining | None = None

    def signal_handler_interrupt(self, number: int = signal.SIGINT, _frame: object = None) -> None:
        """Stop, at once or after draining."""
        stop: Callable[[], None] = super().signal_handler_interrupt
        if self.draining:
            self.draining.on_signal(number, stop)
        else:
            stop()

    def signal_handler_reload(self, number: int = signal.SIGHUP, _frame: object = None) -> None:
        """Stop when the terminal closes; there is nothing to reload."""
        self.signal_handler_interrupt(number)

    def _respawn_workers(
        self, workers: list[int], spawn_target: object, target_loader: object, delay: float = 0
    ) -> None:
        super()._respawn_workers(workers, spawn_target, target_loader, delay)
        self.respawned_wrks.clear()  # granian would take many restarts for a crash loop and exit

    def shutdown(self, exit_code: int = 0) -> None:
        """Stop the workers; one that the same signal has stopped already is not a failure."""
        self.interrupt_children.clear()
        super().shutdown(exit_code)  # type: ignore[no-untyped-call]


class _Worker(mp.WorkerProcess):
    """A worker with the start method of `multiprocessing`, which granian would not use."""

    def _spawn(self, target: Callable[..., None], args: tuple[object, ...]) -> None:
        self.inner = _Process(name="identity-worker", target=target, args=args)


class _Process(multiprocessing.Process):
    """A process that starts even if the fork server has been killed."""

    def start(self) -> None:
        """Start the process, if necessary with another fork server."""
        for _ in range(_ATTEMPTS - 1):
            try:
                with signals_blocked():
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
        backpressure=max(options.threads, raise_fd_limit()),
        respawn_failed_workers=True,
        respawn_interval=0.5,
        workers_kill_timeout=10,
        log_level=LogLevels.error,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(max_buffer_size=_HEAD_BYTES),
        websockets=False,
    )
