"""Serving with granian."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker

from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels
from granian.server import MPServer

from identity.cli.administrator import make_first_admin
from identity.cli.mail import start_sender
from identity.cli.serve_tls import serve_tls
from identity.services import Services
from identity.settings import Settings
from identity.settings.readers import SettingError

_METRICS_DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"


def serve(options: argparse.Namespace, settings: Settings, services: Services) -> None:
    """Serve until interrupted.

    Raises:
        SettingError: the address is taken, or the first administrator cannot be made.
    """
    _require_free(options.host, options.port)
    base = _reachable(options.host, options.port, "https" if options.tls else "http")
    make_first_admin(settings, services, base)
    os.environ.pop("IDENTITY_ADMIN_PASSWORD", None)  # the workers have no use for it
    metrics = os.environ[_METRICS_DIRECTORY] = tempfile.mkdtemp(prefix="identity-metrics-")
    print(f"Identity serves on {base} with {options.workers} workers; see {base}/docs. Ctrl-C ends it.", flush=True)
    start_sender(services)
    try:
        if options.tls:
            serve_tls(options, settings, services)
        else:
            server("identity.wiring:create_worker", options, factory=True).serve()
    finally:
        shutil.rmtree(metrics, ignore_errors=True)
    print("Identity has ended.", flush=True)


class WorkerServer(MPServer):
    """Granian, whose workers are told to end by it alone, and who come back however often they are killed."""

    def _spawn_workers(self, spawn_target: object, target_loader: object) -> None:
        with _without_interrupts():
            super()._spawn_workers(spawn_target, target_loader)  # type: ignore[no-untyped-call]

    def _respawn_workers(
        self, workers: list[int], spawn_target: object, target_loader: object, delay: float = 0
    ) -> None:
        with _without_interrupts():
            super()._respawn_workers(workers, spawn_target, target_loader, delay)
        self.respawned_wrks.clear()  # what it counts as a crash loop, so as to end the whole service


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Start processes that never see Ctrl-C: it reaches every process of a terminal, also one half imported."""
    resource_tracker.ensure_running()  # starting it later would lift the block
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def server(target: str, options: argparse.Namespace, *, factory: bool) -> WorkerServer:
    """Return the server for a WSGI application, or for what makes one, with the options of `identity serve`."""
    # A forked worker would inherit this process's database connections and in-memory metrics.
    multiprocessing.set_start_method("spawn")
    return WorkerServer(
        target,
        factory=factory,
        interface=Interfaces.WSGI,
        address=options.host,
        port=options.port,
        workers=options.workers,
        blocking_threads=options.threads,
        backpressure=options.threads * 4,
        respawn_failed_workers=True,
        respawn_interval=0.5,
        workers_kill_timeout=10,
        log_level=LogLevels.error,
        http=HTTPModes.http1,
        websockets=False,
    )


def _require_free(host: str, port: int) -> None:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise SettingError(f"cannot listen on {host} port {port}: {error.strerror}; choose HOST and PORT") from None


def _reachable(host: str, port: int, scheme: str) -> str:
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104 - shown, not bound
    return f"{scheme}://{name}:{port}"
