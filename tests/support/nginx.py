"""A real nginx before the service, started in a directory of the test."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from string import Template

WHY_SKIPPED = "no nginx: install Debian's nginx-light"

_FRAME = Template("""
daemon off;
$user
pid $folder/nginx.pid;
error_log $folder/error.log;
events { worker_connections 64; }
http {
    access_log off;
    client_body_temp_path $folder/body;
    proxy_temp_path $folder/proxy;
    fastcgi_temp_path $folder/fastcgi;
    uwsgi_temp_path $folder/uwsgi;
    scgi_temp_path $folder/scgi;
    client_max_body_size 64k;
$servers
}
""")


def installed() -> bool:
    """Tell whether there is an nginx."""
    return _binary() is not None


@contextmanager
def running(folder: Path, servers: str, *, ports: list[int]) -> Iterator[None]:
    """Run nginx with these `server` blocks until the block ends."""
    binary = _binary()
    assert binary, WHY_SKIPPED
    path = folder / "nginx.conf"
    path.write_text(framed(folder, servers))
    path.chmod(0o600)
    command = [binary, "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(path)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for port in ports:
            _wait(port, process, folder)
        yield
    finally:
        process.terminate()
        process.wait(timeout=60)


def framed(folder: Path, servers: str) -> str:
    """Return a whole configuration around these blocks, which writes into `folder` only."""
    return _FRAME.substitute(
        folder=folder, servers=servers, user="user root;" if os.geteuid() == 0 else ""
    )


def _binary() -> str | None:
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


def _wait(port: int, process: subprocess.Popen[bytes], folder: Path) -> None:
    for _ in range(1200):
        if process.poll() is not None:
            raise RuntimeError(f"nginx ended: {(folder / 'error.log').read_text()}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("nginx did not start within 60 seconds")
