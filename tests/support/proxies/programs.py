"""Running a real proxy with a configuration of deploy/forward-auth/, in a directory of the test."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

SHIPPED = Path(__file__).parents[3] / "deploy" / "forward-auth"


@dataclass(frozen=True)
class Place:
    """Where a proxy is to run and whom it knows: `host:port` each, and a folder of its own.

    Attributes:
        edits: what a test changes in the configuration that names the conditions, old text to new.
    """

    folder: Path
    port: int
    identity: str
    service: str
    edits: Mapping[str, str] = field(default_factory=dict)

    def edited(self, text: str) -> str:
        """Return a configuration with the edits of this test, of which at least one must apply."""
        assert not self.edits or any(ours in text for ours in self.edits)
        for ours, theirs in self.edits.items():
            text = text.replace(ours, theirs)
        return text


def find(program: str) -> str | None:
    """Return the path of a program of this environment or of the machine."""
    beside = Path(sys.executable).parent / program
    return (
        str(beside)
        if beside.exists()
        else shutil.which(program) or shutil.which(program, path="/usr/sbin")
    )


def shipped(name: str, changes: Mapping[str, str]) -> str:
    """Return a configuration as it is shipped, but for what differs in every installation."""
    text = (SHIPPED / name).read_text("utf-8")
    for ours, theirs in changes.items():
        assert ours in text, f"{name} does not hold {ours}"
        text = text.replace(ours, theirs)
    return text


@contextmanager
def running(
    place: Place, command: list[str], environment: Mapping[str, str] | None = None
) -> Iterator[None]:
    """Run a proxy until the block ends; its words are in `output` of its folder."""
    output = place.folder / "output"
    with output.open("wb") as log:
        process = subprocess.Popen(
            command, cwd=place.folder, env=environment, stdout=log, stderr=log
        )
    try:
        _wait(place.port, process, output)
        yield
    finally:
        process.kill()  # some wait for connections that a test keeps open
        process.wait()


def _wait(port: int, process: subprocess.Popen[bytes], output: Path) -> None:
    for _ in range(1200):
        if process.poll() is not None:
            raise RuntimeError(f"the proxy ended: {output.read_text()}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"the proxy did not start within 60 seconds: {output.read_text()}")
