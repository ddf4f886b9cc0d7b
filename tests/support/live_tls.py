"""A real service over https, `identity serve --tls`, spoken to by real curl."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from support.live import COMMAND, Answer, Live, curl, environment, migrate
from support.postgresql import free_port


@dataclass
class Tls:
    """A service over https."""

    live: Live
    ca: Path

    def curl(self, path: str, *arguments: str) -> Answer:
        return curl("--cacert", str(self.ca), *arguments, self.live.base + path)


@contextmanager
def serving_tls(data_dir: Path) -> Iterator[Tls]:
    """Serve over https until the block ends."""
    variables = environment(data_dir, {})
    migrate(variables)
    port, log = free_port(), data_dir / "service.log"
    command = [COMMAND, "serve", "--tls", "--port", str(port), "--workers", "2", "--threads", "4"]
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=variables, stdout=output, stderr=output)
    tls = Tls(
        Live(f"https://127.0.0.1:{port}", variables, log, process), data_dir / "tls" / "ca.pem"
    )
    try:
        _wait(tls)
        yield tls
    finally:
        try:
            tls.live.stop(signal.SIGTERM)
        finally:
            process.kill()


def _wait(tls: Tls) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        assert tls.live.process.poll() is None, tls.live.output()
        try:
            if tls.curl("/readyz").status == 200:
                return
        except subprocess.CalledProcessError:
            time.sleep(0.1)
    raise AssertionError(tls.live.output())
