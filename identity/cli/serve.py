"""The command `identity serve`."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

from identity.cli.admin import make_first_admin
from identity.server.background import keep_node_registered, start_pruning, start_sender
from identity.server.draining import Draining
from identity.server.granian import server
from identity.server.gunicorn_tls import require_gunicorn, serve_tls
from identity.server.listening import bindable, reachable
from identity.services import Services
from identity.settings import Settings


def serve(options: argparse.Namespace, settings: Settings, services: Services) -> None:
    """Serve until interrupted.

    Raises:
        SettingError: gunicorn is missing, the port is taken, or the first administrator is invalid.
    """
    if options.tls:
        require_gunicorn()
    ip = bindable(options.host, options.port)
    base = reachable(options.host, ip, options.port, "https" if options.tls else "http")
    make_first_admin(settings, services, base)
    os.environ.pop("IDENTITY_ADMIN_PASSWORD", None)  # the workers do not need it
    print(
        f"Serving Identity on {base} with {options.workers} workers; see {base}/docs."
        " Press Ctrl-C to stop.",
        flush=True,
    )
    start_sender(services)
    start_pruning(services)
    draining = Draining(services.readiness.drain, settings.drain_seconds)
    with keep_node_registered(services):
        if options.tls:
            serve_tls(options, settings, services, ip=ip, draining=draining)
        else:
            options.host = ip
            http_server = server("identity.wiring.worker:create_worker", options)
            http_server.draining = draining
            http_server.serve(target_loader=partial(_load, options.threads))
    print("Stopped.", flush=True)


def _load(threads: int, target: str) -> Callable[..., Any]:
    module, _, name = target.partition(":")
    application: Callable[..., Any] = getattr(import_module(module), name)(threads)
    return application
