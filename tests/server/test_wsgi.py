"""`wsgi.py` under another WSGI server."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.live import Live, environment, identity, migrate, wait_until_ready
from support.postgresql import free_port

ROOT = Path(__file__).parents[2]
GRANIAN = Path(sys.executable).with_name("granian")


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Live]:
    """Granian's own command with our `wsgi:app`."""
    variables = environment(tmp_path / "data", {})
    migrate(variables)
    assert identity(variables, "create-admin", "admin", given="changeme\n").returncode == 0
    port, log = free_port(), tmp_path / "service.log"
    command = [
        str(GRANIAN),
        "--interface",
        "wsgi",
        "--port",
        str(port),
        "--workers",
        "1",
        "wsgi:app",
    ]
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=variables, cwd=ROOT, stdout=output, stderr=output)
    live = Live(f"http://127.0.0.1:{port}", variables, log, process)
    try:
        wait_until_ready(live)
        yield live
    finally:
        live.stop()


def test_another_server_serves_the_application(served: Live) -> None:
    token = served.curl("/api/token", "-u", "admin:changeme").json()["token"]
    assert served.curl("/api/resource", "-u", f"{token}:x").body == '{"data":"Hello, admin!"}\n'
    registered = served.curl("/api/users", "-d", "username=hawk&password=newpwd")
    assert (registered.status, registered.header("Location")) == (201, f"{served.base}/api/users/2")
    assert 'route="/api/resource"' in served.curl("/metrics").body
    assert served.stop(signal.SIGTERM) == 0
    assert "Traceback" not in served.output()
