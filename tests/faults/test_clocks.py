"""Two nodes on one PostgreSQL with different clocks: seconds make no difference, minutes refuse
tokens."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import permutations
from pathlib import Path

from support.faults.experiment import Experiment, run_experiment
from support.live import Live, environment, identity, migrate, wait_until_ready
from support.postgresql import Database, free_port

SERVER = (
    "--interface",
    "wsgi",
    "--workers",
    "1",
    "--blocking-threads",
    "4",
    "--no-ws",
    "--log-level",
    "error",
)


@contextmanager
def node(data_dir: Path, shift: int, database_url: str) -> Iterator[Live]:
    """Serve with a wrong clock. The data directory is shared, so the keys are."""
    settings = {"IDENTITY_DATABASE_URL": database_url, "SHIFT_SECONDS": str(shift)}
    variables, port, log = environment(data_dir, settings), free_port(), data_dir / f"{shift}.log"
    granian = str(Path(sys.executable).with_name("granian"))
    paths = ":".join(str(path) for path in (Path(__file__).parents[1], Path(__file__).parents[2]))
    command = [
        granian,
        *SERVER,
        "--factory",
        "--port",
        str(port),
        "support.faults.shifted_clock:make",
    ]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env=variables | {"PYTHONPATH": paths}, stdout=output, stderr=output
        )
    live = Live(f"http://127.0.0.1:{port}", variables, log, process)
    try:
        wait_until_ready(live)
        yield live
    finally:
        live.stop()


@contextmanager
def nodes(tmp_path: Path, server_url: str, *shifts: int) -> Iterator[tuple[dict[int, Live], str]]:
    """Serve one database by nodes that are wrong by so many seconds each."""
    with Database(server_url, "template0") as url, ExitStack() as stack:
        variables = environment(tmp_path, {"IDENTITY_DATABASE_URL": url})
        migrate(variables)
        made = identity(variables, "create-admin", "admin", given="changeme\n")
        assert made.returncode == 0, made.stderr
        yield {shift: stack.enter_context(node(tmp_path, shift, url)) for shift in shifts}, url


def log_in(experiment: Experiment, live: Live, name: str) -> dict[str, str]:
    """Make an account on a node and return its credentials, by kind."""
    recorder, password = experiment.recorder, experiment.recorder.password()
    experiment.load.passwords[name] = password
    user, email = f"{name}:{password}", f"{name}@example.org"
    wanted = {"username": name, "password": password, "email": email}
    call = recorder.call
    made = call(
        live.base, "POST", "/api/users", kind="register", who=name, body=wanted, expect={201}
    )
    assert made.outcome == "ok"
    token = call(live.base, "POST", "/api/token", kind="login", who=name, user=user).json()["token"]
    body = {"email": email, "password": password}
    jwt = call(
        live.base, "POST", "/continuous/sessions", kind="login", who=name, body=body, expect={201}
    )
    tokens = {"access token": token, "jwt": jwt.json()["token"]}
    return {"password": user} | {
        kind: recorder.secret(each) + ":x" for kind, each in tokens.items()
    }


def statuses(
    experiment: Experiment, live: Live, name: str, credentials: dict[str, str]
) -> dict[str, int | None]:
    """Use each credential on a node."""
    return {
        kind: experiment.recorder.call(
            live.base, "GET", "/api/resource", kind="check", who=name, user=user, expect={200, 401}
        ).status
        for kind, user in credentials.items()
    }


def test_tokens_of_a_node_that_is_three_seconds_off_are_accepted_by_the_others(
    tmp_path: Path, postgresql_server: str
) -> None:
    with (
        nodes(tmp_path, postgresql_server, -3, 0) as (here, url),
        run_experiment(list(here.values()), url) as experiment,
        experiment.load.running(),
    ):
        for issuer, other in permutations(here, 2):
            name = f"early{issuer + 10}"
            credentials = log_in(experiment, here[issuer], name)
            assert statuses(experiment, here[other], name, credentials) == dict.fromkeys(
                credentials, 200
            )
        experiment.load.wait_for(8)


def test_tokens_of_a_node_that_is_ten_minutes_off_are_refused_and_passwords_accepted(
    tmp_path: Path, postgresql_server: str
) -> None:
    with (
        nodes(tmp_path, postgresql_server, -600, 0, 600) as (here, url),
        run_experiment(list(here.values()), url, loaded=[here[0]]) as experiment,
    ):
        for issuer, other in permutations(here, 2):
            name = f"wrong{issuer + 600}at{other + 600}"
            credentials = log_in(experiment, here[issuer], name)
            # Its hour is not over elsewhere; a token from the future is none.
            expected = {"password": 200, "access token": 401, "jwt": 200 if issuer < other else 401}
            assert statuses(experiment, here[other], name, credentials) == expected
            assert statuses(experiment, here[issuer], name, credentials) == dict.fromkeys(
                credentials, 200
            )
