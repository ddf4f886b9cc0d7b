"""Serves over TLS with gunicorn, which passes client certificates to the application."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from types import FrameType

from identity.server.draining import Draining
from identity.server.forkserver import raise_fd_limit
from identity.services import Services
from identity.settings import Settings
from identity.settings.readers import SettingError

_FILE_MODE = 0o600


def require_gunicorn() -> None:
    """Check that gunicorn is installed.

    Raises:
        SettingError: it is not.
    """
    if find_spec("gunicorn") is None:
        raise SettingError("--tls needs gunicorn: install identityd[tls]")


def serve_tls(
    options: argparse.Namespace,
    settings: Settings,
    services: Services,
    *,
    ip: str,
    draining: Draining,
) -> None:
    """Serve with a certificate of our own CA, and request client certificates, until interrupted.

    Args:
        options: of the command; the certificate is issued for `host`.
        settings: of the service.
        services: issue the certificate.
        ip: the IP to listen on.
        draining: decides when a signal stops the server.

    Raises:
        SettingError: gunicorn did not start, or exited unexpectedly.
    """
    host = options.host.strip("[]").encode("idna").decode("ascii")
    identity, chain = _write_files(settings.data_dir / "tls", [host, ip], services)
    command = gunicorn_command(options, ip=ip, identity=identity, chain=chain)
    # In a session of its own: Ctrl-C reaches this process only, which stops the server in order.
    server = subprocess.Popen(command, start_new_session=True)  # noqa: S603 - our own arguments

    def stop(number: int, _frame: FrameType | None) -> None:
        draining.on_signal(number, server.terminate)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    if status := server.wait():
        raise SettingError(f"gunicorn exited unexpectedly (status {status})")


def gunicorn_command(
    options: argparse.Namespace, *, ip: str, identity: Path, chain: Path
) -> list[str]:
    """Return the command that starts gunicorn.

    Args:
        options: of `identity serve`.
        ip: the IP to listen on.
        identity: the server's certificate and key.
        chain: the certificates of the CA, for clients' certificates.
    """
    host = f"[{ip}]" if ":" in ip else ip
    flags = {
        "--bind": f"{host}:{options.port}",
        "--workers": options.workers,
        "--worker-class": "identity.server.tls_worker.SlowClientWorker",
        "--threads": options.threads,
        "--worker-connections": raise_fd_limit(),
        "--certfile": identity,
        "--keyfile": identity,
        "--ca-certs": chain,
        "--cert-reqs": 1,
        "--log-level": "warning",
        "--graceful-timeout": 10,
        # No proxy is in front, so headers such as SCRIPT_NAME are not trusted from any IP.
        "--forwarded-allow-ips": "",
        "--forwarder-headers": "",
    }
    application = f"identity.wiring.worker:create_worker({options.threads})"
    command = [sys.executable, "-m", "gunicorn", application, "--no-control-socket"]
    for flag, value in flags.items():
        command += [flag, str(value)]
    return command


def _write_files(folder: Path, hosts: list[str], services: Services) -> tuple[Path, Path]:
    folder.mkdir(mode=0o700, exist_ok=True)
    identity = folder / "server.pem"
    chain = folder / "ca.pem"
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
