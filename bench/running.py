"""Programs of ours, started, waited for, and ended."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

_END_SECONDS = 20
_NO_CREDENTIAL = (http.client.UNAUTHORIZED, http.client.FORBIDDEN, http.client.NOT_FOUND)


class StartError(RuntimeError):
    """A program ended, or did not answer in time."""


@contextmanager
def running(
    command: list[str],
    url: str,
    *,
    environment: Mapping[str, str],
    folder: Path | None = None,
    seconds: float = 180,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the block ends; inside it answers on `url`.

    Raises:
        StartError: it did not start; the text ends with its last words.
    """
    with tempfile.TemporaryFile() as words:
        process = begin(command, environment=environment, folder=folder, words=words)
        try:
            if not answers(url, process, seconds=seconds):
                words.seek(0)
                raise StartError(
                    f"{command[0]} did not start:\n{words.read().decode(errors='replace')[-2000:]}"
                )
            yield process
        finally:
            end(process)


def begin(
    command: list[str],
    *,
    environment: Mapping[str, str],
    folder: Path | None = None,
    words: IO[bytes] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a program as the head of a group of its own; what it says goes to `words`."""
    output = words or subprocess.DEVNULL
    return subprocess.Popen(  # noqa: S603 - our own command
        command,
        env=dict(environment),
        cwd=folder,
        stdout=output,
        stderr=output,
        start_new_session=True,
    )


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask a program to end; after a while end it with all that it began."""
    process.terminate()
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def answers(
    url: str, process: subprocess.Popen[bytes], *, seconds: float, pause: float = 0.05
) -> bool:
    """Wait until a URL is answered with 2xx, or a refusal for want of a credential; False if the process ends first."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=5).close()  # noqa: S310 - our own server
        except urllib.error.HTTPError as error:
            if error.code in _NO_CREDENTIAL:
                return True
            time.sleep(pause)
        except (OSError, http.client.HTTPException):
            time.sleep(pause)
        else:
            return True
    return False


def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
