"""The token check against a bare Flask hello, in turn on the same server: what counts is the ratio.

Settings: BENCH_SECONDS (of each measurement, 4), BENCH_ROUNDS (5), BENCH_WORKERS (cores), and IDENTITY_TEST_POSTGRESQL
(postgresql://user@host/database) for the rows on PostgreSQL.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from load import CONNECTIONS, requests_per_second

HERE = Path(__file__).parent
IDENTITY = str(Path(sys.executable).with_name("identity"))
SECONDS = int(os.environ.get("BENCH_SECONDS", "4"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
WORKERS = int(os.environ.get("BENCH_WORKERS", os.cpu_count() or 1))
THREADS = 16
POSTGRESQL = os.environ.get("IDENTITY_TEST_POSTGRESQL")
PASSWORD = secrets.token_urlsafe(12)


def main() -> None:
    """Measure and print."""
    tool = "wrk" if shutil.which("wrk") else "a loop in Python (install wrk for figures near the server's own)"
    print(f"{WORKERS} workers, {CONNECTIONS} connections, {ROUNDS} rounds of {SECONDS} s, loaded by {tool}")
    with ExitStack() as stack:
        bare = stack.enter_context(_hello())
        rows = [("SQLite", stack.enter_context(_service({})))]
        if POSTGRESQL:
            url = stack.enter_context(_database(POSTGRESQL))
            rows.append(("PostgreSQL", stack.enter_context(_service({"IDENTITY_DATABASE_URL": url}))))
        for name, base in rows:
            _compare(name, bare, base)


def _compare(name: str, bare: str, base: str) -> None:
    token = _token(base)
    basic = "Basic " + base64.b64encode(f"{token}:x".encode()).decode()
    cases = {"bare hello": (bare, {}), "Basic": (base, {"Authorization": basic})}
    cases["Bearer"] = (base, {"Authorization": f"Bearer {token}"})
    figures: dict[str, list[float]] = {case: [] for case in cases}
    for number in range(ROUNDS):
        for case, (host, headers) in cases.items():
            figures[case].append(requests_per_second(f"{host}/api/resource", headers, seconds=SECONDS))
        print(f"  {name} round {number + 1}/{ROUNDS} done", file=sys.stderr)
    medians = {case: statistics.median(values) for case, values in figures.items()}
    for case in ("Basic", "Bearer"):
        ratio = medians[case] / medians["bare hello"]
        measured = f"{medians[case]:7.0f}/s, bare hello {medians['bare hello']:7.0f}/s"
        print(f"token check, {case:6} {name:10} {measured}, ratio {ratio:.2f}")


@contextmanager
def _hello() -> Iterator[str]:
    port = _free_port()
    command = [sys.executable, str(HERE / "hello.py"), str(port), str(WORKERS), str(THREADS)]
    with _running(command, dict(os.environ), f"http://127.0.0.1:{port}/api/resource"):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def _service(settings: dict[str, str]) -> Iterator[str]:
    port = _free_port()
    with tempfile.TemporaryDirectory() as data_dir:
        own = {"IDENTITY_DATA_DIR": data_dir, "IDENTITY_ADMIN_PASSWORD": PASSWORD}
        environment = {k: v for k, v in os.environ.items() if not k.startswith("IDENTITY_")} | own | settings
        subprocess.run([IDENTITY, "migrate"], check=True, env=environment, stdout=subprocess.DEVNULL)  # noqa: S603 - our own command
        command = [IDENTITY, "serve", "--port", str(port), "--workers", str(WORKERS), "--threads", str(THREADS)]
        with _running(command, environment, f"http://127.0.0.1:{port}/readyz"):
            yield f"http://127.0.0.1:{port}"


@contextmanager
def _running(command: list[str], environment: dict[str, str], url: str) -> Iterator[None]:
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603 - our own command
    try:
        _wait(url, process)
        yield
    finally:
        process.terminate()
        process.wait(timeout=20)


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(400):
        if process.poll() is not None:
            raise SystemExit(f"{process.args!r} ended while starting")
        try:
            urllib.request.urlopen(url, timeout=5).close()  # noqa: S310 - our own server
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
        else:
            return
    raise SystemExit(f"{url} did not answer")


def _token(base: str) -> str:
    credential = base64.b64encode(f"admin:{PASSWORD}".encode()).decode()
    asked = urllib.request.Request(f"{base}/api/token", headers={"Authorization": f"Basic {credential}"})  # noqa: S310 - our own server
    with urllib.request.urlopen(asked, timeout=10) as answer:  # noqa: S310 - our own server
        token: str = json.load(answer)["token"]
        return token


@contextmanager
def _database(server: str) -> Iterator[str]:
    import psycopg  # noqa: PLC0415 - only where PostgreSQL is measured

    name = f"identity_bench_{os.getpid()}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        try:
            yield server.rpartition("/")[0].replace("postgresql://", "postgresql+psycopg://") + f"/{name}"
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


if __name__ == "__main__":
    main()
