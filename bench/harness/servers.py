"""Starts the service and its baselines, all on granian with the same options."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.knobs import SMALL, THREADS, WORKERS
from harness.population import FIRST, PASSWORD, SECRET_KEY, fill, tokens
from harness.postgres import fresh_database
from harness.running import free_port, running
from identity.settings import described

BASELINES = Path(__file__).parents[1] / "baselines"
IDENTITY = str(Path(sys.executable).with_name("identity"))
OPTIONS = ("--workers", str(WORKERS), "--threads", str(THREADS))

# Switches off every limit on attempts; settings that this version does not have are left out.
_OPEN = {
    "IDENTITY_LOCKOUT_FAILURES": "1000",
    "IDENTITY_IP_FAILURES": "0",
    "IDENTITY_REGISTRATION_LIMIT": "0",
} | {"IDENTITY_REQUESTED_MAIL_LIMIT": "0"}
LIMITS_OFF = {one.name: _OPEN[one.name] for one in described() if one.name in _OPEN}


@dataclass(frozen=True)
class Service:
    """The running service, with the accounts `bench<id>` from FIRST on."""

    base: str
    port: int
    pid: int
    database: str
    engine: str

    def bearer(self, count: int = 1) -> tuple[str, ...]:
        """Return Authorization values with access tokens of `count` accounts."""
        return tuple(f"Bearer {token}" for token in tokens(self.database, count=count))

    def bearer_of(self, number: int) -> str:
        """Return an Authorization value with an access token of one account."""
        return "Bearer " + tokens(self.database, count=1, account=FIRST + number)[0]

    def status(self, path: str, authorization: str) -> int:
        """Send one request and return the status."""
        try:
            with call(self.base + path, authorization=authorization) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code


def call(url: str, document: dict[str, Any] | None = None, *, authorization: str = "") -> Any:  # noqa: ANN401 - urllib's
    """Send one request, with `document` as its JSON body if there is one."""
    body = None if document is None else json.dumps(document).encode()
    headers = {"Content-Type": "application/json"} if body else {}
    headers |= {"Authorization": authorization} if authorization else {}
    return urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=30)  # noqa: S310 - a local server


def basic(name: str, password: str) -> str:
    """Return a Basic Authorization value."""
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def bench_user(number: int) -> str:
    """Return the Authorization value with one account's password."""
    return basic(f"bench{FIRST + number}", PASSWORD)


@contextmanager
def plain(script: str, path: str) -> Iterator[str]:
    """Run `hello.py`, `bare.py` or `start.py`, and give its base URL."""
    port = free_port()
    command = [sys.executable, str(BASELINES / script), str(port), str(WORKERS), str(THREADS)]
    with running(command, f"http://127.0.0.1:{port}{path}", environment=os.environ):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def service(
    postgresql: str | None = None, *, accounts: int = SMALL, settings: dict[str, str] | None = None
) -> Iterator[Service]:
    """Migrate, fill and serve a new SQLite file, or a new database of a PostgreSQL server."""
    with ExitStack() as stack:
        data_dir = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="identity-bench-")))
        environment, database = prepared(
            data_dir, stack.enter_context(fresh_database(postgresql)) if postgresql else ""
        )
        fill(database, upto=accounts)
        port = free_port()
        command = [IDENTITY, "serve", "--port", str(port), *OPTIONS]
        base = f"http://127.0.0.1:{port}"
        process = stack.enter_context(
            running(command, f"{base}/readyz", environment=environment | (settings or {}))
        )
        engine = "PostgreSQL" if postgresql else "SQLite"
        yield Service(base, port, process.pid, database, engine)


def prepared(data_dir: Path, database: str) -> tuple[dict[str, str], str]:
    """Migrate a new database; return the environment to serve it with, and its URL."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("IDENTITY_")}
    own = {
        "IDENTITY_DATA_DIR": str(data_dir),
        "IDENTITY_ADMIN_PASSWORD": PASSWORD,
        "IDENTITY_SECRET_KEYS": SECRET_KEY,
    }
    own["IDENTITY_PASSWORD_MEMORY_SECONDS"] = "0"  # noqa: S105 - seconds; every measured login computes a hash
    environment = clean | own | ({"IDENTITY_DATABASE_URL": database} if database else {})
    subprocess.run([IDENTITY, "migrate"], check=True, env=environment, stdout=subprocess.DEVNULL)  # noqa: S603 - a fixed command
    return environment, database or f"sqlite:///{data_dir / 'identity.sqlite3'}"
