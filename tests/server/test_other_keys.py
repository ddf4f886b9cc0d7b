"""Two services over one database with other keys: the later one says so, and is not ready until the
first has ended."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path

import pytest

from support.live import COMMAND, Live, environment, identity, serving
from support.postgresql import free_port
from support.waiting import wait_until


@pytest.mark.parametrize("engine_name", ["postgresql"])
def test_a_service_with_other_keys_is_not_ready_until_the_first_has_ended(
    tmp_path: Path, empty_database_url: str
) -> None:
    (tmp_path / "one").mkdir()
    with serving(tmp_path / "one", "--workers", "2", database_url=empty_database_url) as first:
        variables = environment(tmp_path / "other", {"IDENTITY_DATABASE_URL": empty_database_url})
        port, log = free_port(), tmp_path / "other.log"
        with log.open("wb") as output:
            command = [COMMAND, "serve", "--port", str(port), "--workers", "2"]
            process = subprocess.Popen(command, env=variables, stdout=output, stderr=output)
        second = Live(f"http://127.0.0.1:{port}", variables, log, process)
        try:
            refused = wait_for(second)
            assert (refused["status"], refused["code"]) == (503, "keys_differ")
            lines = [
                json.loads(line) for line in second.output().splitlines() if line.startswith("{")
            ]
            assert any(
                "signing keys differ" in line["message"] and line["level"] == "warning"
                for line in lines
            )
            for _ in range(4):
                assert first.curl("/readyz").status == 200
                assert second.curl("/readyz").status == 503
            checked = identity(variables, "check")
            assert (
                checked.returncode,
                "not usable: The signing keys of this node" in checked.stdout,
            ) == (1, True)
            assert first.stop(signal.SIGTERM) == 0
            wait_until(lambda: second.curl("/readyz").status == 200)
        finally:
            second.stop()


def wait_for(live: Live) -> dict[str, object]:
    """Return the first answer of a service that starts."""
    for _ in range(600):
        try:
            answer = live.curl("/readyz")
        except subprocess.CalledProcessError:
            time.sleep(0.1)
        else:
            return {"status": answer.status, **answer.json()}
    raise AssertionError(live.output())
