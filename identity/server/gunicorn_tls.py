"""Serving over TLS with gunicorn, the one server here that shows the application a client's certificate."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from types import FrameType

from identity.server.draining import Ending
from identity.server.forkserver import room_for_connections
from identity.services import Services
from identity.settings import Settings
from identity.settings.readers import SettingError

_FILE_MODE = 0o600


def require_gunicorn() -> None:
    """Make sure that the server for TLS is installed.

    Raises:
        SettingError: it is not.
    """
    if find_spec("gunicorn") is None:
        raise SettingError("--tls needs gunicorn: install identityd[tls]")


def serve_tls(
    options: argparse.Namespace, settings: Settings, services: Services, *, ip: str, ending: Ending
) -> None:
    """Serve with a certificate of our own authority, asking clients for theirs, until interrupted.

    Args:
        options: of the command; `host` is a name that the certificate is for.
        settings: of the service.
        services: make the certificate.
        ip: the address to listen at.
        ending: decides when a signal ends the server.

    Raises:
        SettingError: gunicorn did not start, or did not live.
    """
    host = options.host.strip("[]").encode("idna").decode("ascii")
    identity, chain = _write_files(settings.data_dir / "tls", [host, ip], services)
    command = [
        *(
            sys.executable,
            "-m",
            "gunicorn",
            f"identity.wiring.worker:create_worker({options.threads})",
        ),
        *("--bind", f"[{ip}]:{options.port}" if ":" in ip else f"{ip}:{options.port}"),
        *("--workers", str(options.workers)),
        *(
            "--worker-class",
            "identity.server.tls_worker.PatientWorker",
            "--threads",
            str(options.threads),
        ),
        *("--worker-connections", str(room_for_connections())),
        *(
            "--certfile",
            str(identity),
            "--keyfile",
            str(identity),
            "--ca-certs",
            str(chain),
            "--cert-reqs",
            "1",
        ),
        *("--no-control-socket", "--log-level", "warning", "--graceful-timeout", "10"),
        # No proxy stands in front, so no header of a caller on this machine is one's: not SCRIPT_NAME, nor a scheme.
        *("--forwarded-allow-ips", "", "--forwarder-headers", ""),
    ]
    # A session of its own: Ctrl-C reaches this process, which ends the other in order.
    server = subprocess.Popen(command, start_new_session=True)  # noqa: S603 - our own words

    def end(number: int, _frame: FrameType | None) -> None:
        ending.heard(number, server.terminate)

    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, end)
    if code := server.wait():
        raise SettingError(f"gunicorn has ended by itself, with code {code}")


def _write_files(folder: Path, hosts: list[str], services: Services) -> tuple[Path, Path]:
    folder.mkdir(mode=0o700, exist_ok=True)
    identity, chain = folder / "server.pem", folder / "ca.pem"
    names = dict.fromkeys(["localhost", "127.0.0.1", "::1", *hosts])
    for path, text in (
        (identity, services.certificates.server_identity(tuple(names))),
        (chain, services.certificates.chain()),
    ):
        path.unlink(missing_ok=True)
        with os.fdopen(
            os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE_MODE), "w"
        ) as file:
            file.write(text)
    return identity, chain
