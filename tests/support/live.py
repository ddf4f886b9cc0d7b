"""A real service in processes of its own, spoken to by real curl."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from identity import create_app
from support.accounts import ADMIN
from support.app import close, config, services
from support.postgresql import free_port

COMMAND = str(Path(sys.executable).with_name("identity"))
CHEAP = {
    "IDENTITY_ARGON2_MEMORY_KIB": "8",
    "IDENTITY_ARGON2_TIME": "1",
    "IDENTITY_REQUESTED_MAIL_LIMIT": "0",  # many accounts in little time, all from one IP
}


@dataclass
class Answer:
    """What curl -i printed."""

    status: int
    headers: list[tuple[str, str]]
    body: str

    def all(self, name: str) -> list[str]:
        """Return every value of a header, in order."""
        return [value for known, value in self.headers if known.lower() == name.lower()]

    def header(self, name: str) -> str | None:
        """Return the first value of a header."""
        return next(iter(self.all(name)), None)

    def json(self) -> Any:
        """Return the body as JSON."""
        return json.loads(self.body)


def curl(*arguments: str) -> Answer:
    """Run the real curl and return its answer."""
    command = ["curl", "-sS", "-i", "--max-time", "60", *arguments]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    head, _, body = output.replace("\r\n", "\n").partition("\n\n")
    first, *lines = head.split("\n")
    headers = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    return Answer(int(first.split()[1]), headers, body)


@dataclass
class Live:
    """A running service."""

    base: str
    environment: dict[str, str]
    log: Path
    process: subprocess.Popen[bytes] = field(repr=False)

    def curl(self, path: str, *arguments: str) -> Answer:
        """Call a path of this service with curl."""
        return curl(*arguments, self.base + path)

    def output(self) -> str:
        """Return everything the service has printed and logged."""
        return self.log.read_text("utf-8", "replace")

    def stop(self, how: signal.Signals = signal.SIGINT) -> int:
        """End the service and return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.process.wait(timeout=60)


def environment(data_dir: Path, settings: Mapping[str, str]) -> dict[str, str]:
    """Return a clean environment with these settings."""
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("IDENTITY_", "PROMETHEUS_"))
    }
    own = {
        "IDENTITY_DATA_DIR": str(data_dir),
        "IDENTITY_ADMIN_USERNAME": ADMIN[0],
        "IDENTITY_ADMIN_PASSWORD": ADMIN[1],
    }
    return clean | CHEAP | own | dict(settings)


def identity(
    variables: Mapping[str, str], *arguments: str, given: str = "", on: set[int] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the `identity` command to its end, on these processors if any are named."""
    return subprocess.run(
        [COMMAND, *arguments],
        env=dict(variables),
        input=given,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        preexec_fn=(lambda: os.sched_setaffinity(0, on)) if on else None,
    )


def migrate(variables: Mapping[str, str]) -> None:
    """Migrate the database of a service, as the command does, in an eighth of its time."""
    data_dir = Path(variables["IDENTITY_DATA_DIR"])
    data_dir.mkdir(parents=True, exist_ok=True)
    if not any(data_dir.iterdir()):
        data_dir.chmod(0o700)
    url = variables.get("IDENTITY_DATABASE_URL", f"sqlite:///{data_dir / 'identity.sqlite3'}")
    with TemporaryDirectory() as beside:
        app = create_app(config(Path(beside), database_url=url))
        services(app).schema.migrate(version("identityd"))
        close(app)


@contextmanager
def serving(data_dir: Path, *arguments: str, **settings: str) -> Iterator[Live]:
    """Migrate, serve, and end it again. Settings are given without their prefix, in lower case."""
    variables = environment(
        data_dir, {f"IDENTITY_{name.upper()}": value for name, value in settings.items()}
    )
    migrate(variables)
    port = free_port()
    log = data_dir / f"service-{port}.log"  # two nodes may share the directory
    with log.open("wb") as output:
        process = subprocess.Popen(
            [COMMAND, "serve", "--port", str(port), *(arguments or ("--workers", "2"))],
            env=variables,
            stdout=output,
            stderr=output,
        )
    live = Live(f"http://127.0.0.1:{port}", variables, log, process)
    try:
        wait_until_ready(live)
        yield live
    finally:
        try:
            live.stop()
        finally:
            process.kill()


def wait_until_ready(live: Live, *, seconds: float = 60) -> None:
    """Wait until the service answers that it is ready."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert live.process.poll() is None, live.output()
        try:
            with urllib.request.urlopen(f"{live.base}/readyz", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise AssertionError(f"not ready after {seconds} s:\n{live.output()}")
