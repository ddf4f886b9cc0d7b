"""Starts programs, waits until they respond, and stops them."""

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
    """A program exited, or did not respond in time."""


@contextmanager
def running(
    command: list[str],
    url: str,
    *,
    environment: Mapping[str, str],
    folder: Path | None = None,
    seconds: float = 180,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the block ends. Inside the block, it responds on `url`.

    Raises:
        StartError: it did not start; the text ends with its last output.
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
    """Start a program as the leader of its own process group, with its output in `words`."""
    output = words or subprocess.DEVNULL
    return subprocess.Popen(  # noqa: S603 - a fixed command
        command,
        env=dict(environment),
        cwd=folder,
        stdout=output,
        stderr=output,
        start_new_session=True,
    )


def end(process: subprocess.Popen[bytes]) -> None:
    """Terminate a program; if it does not exit in time, kill its process group."""
    process.terminate()
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def answers(
    url: str, process: subprocess.Popen[bytes], *, seconds: float, pause: float = 0.05
) -> bool:
    """Wait until a URL returns 2xx, or a refusal for lack of a credential.

    Return False if the process exits first, or after `seconds`.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=5).close()  # noqa: S310 - a local server
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
    """Return a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
