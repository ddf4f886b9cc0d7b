"""A backup is taken while the service works, with the commands of docs/operations.md, and
restored."""

from __future__ import annotations

import getpass
import re
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from support.faults.experiment import THREADS, Experiment, run_experiment
from support.faults.postgresql_cluster import Cluster
from support.faults.processes import start_again
from support.faults.recorder import Operation, Recorder
from support.live import Live, serving

MORE = 8
PAGE = Path(__file__).parents[2] / "docs" / "operations.md"


def commands(heading: str) -> list[str]:
    """Return the commands of a part of "Backup and restore", in order."""
    chapter = PAGE.read_text("utf-8").split("\n## Backup and restore\n")[1].split("\n## ")[0]
    part = chapter.split(f"\n### {heading}\n")[1].split("\n### ")[0]
    return re.findall(r"```(?:sh|sql)\n(.*?)```", part, re.DOTALL)


def run(command: str, cwd: Path, **places: str) -> None:
    """Run a command of the page, with our places in those of its examples."""
    for example, own in places.items():
        assert example
        command = command.replace(example, own)
    done = subprocess.run(
        ["sh", "-ec", f"umask 077\n{command}"],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


def under_load(experiment: Experiment, backup: str, cwd: Path, **places: str) -> list[Operation]:
    """Take the backup while callers register; return what was acknowledged before it began."""
    with experiment.load.running():
        experiment.load.wait_for(MORE)
        before = experiment.recorder.ok()
        run(backup, cwd, **places)
        experiment.load.wait_for(MORE)
    return before


def assert_restored(live: Live, experiment: Experiment, before: list[Operation]) -> None:
    """Accounts from before the backup can log in, and no token from then is valid."""
    disabled = {each.who for each in experiment.recorder.operations if each.kind == "disable"}
    recorder = Recorder()
    for each in before:
        if each.who in disabled:
            continue
        if each.kind == "register":
            user = f"{each.who}:{experiment.load.passwords[each.who]}"
            found = recorder.call(
                live.base, "GET", "/api/resource", kind="check", who=each.who, user=user
            )
            assert (found.status, each.who in found.body) == (200, True)
        if each.kind == "login":
            user = f"{each.json()['token']}:x"
            expect = {401}
            found = recorder.call(
                live.base,
                "GET",
                "/api/resource",
                kind="check",
                who=each.who,
                user=user,
                expect=expect,
            )
            assert found.status == 401
    assert live.curl("/readyz").status == 200


@pytest.mark.parametrize("way", [0, 1], ids=["sqlite3", "python"])
def test_a_backup_of_sqlite_under_load_has_everything_from_before(tmp_path: Path, way: int) -> None:
    data, backup = tmp_path / "data", tmp_path / "backup"
    data.mkdir()
    backup.mkdir()
    places = {
        "/opt/identity/bin/python": sys.executable,
        "/var/lib/identity/": f"{data}/",
        "/backup/": f"{backup}/",
        "-o identity ": f"-o {getpass.getuser()} ",
    }
    restore = commands("SQLite")[2]
    with serving(data, *THREADS) as live:
        with run_experiment([live], f"sqlite:///{data / 'identity.sqlite3'}") as experiment:
            before = under_load(experiment, commands("SQLite")[way], tmp_path, **places)
        assert live.stop() == 0
        run(restore, tmp_path, **places)
        (end_all,) = commands("After a restore")
        run(
            f'"{sys.executable}" -c "{_SQLITE}" "{data}/identity.sqlite3" "{end_all.strip()}"',
            tmp_path,
        )
        (data / "secret_keys").unlink()
        start_again(live)
        assert_restored(live, experiment, before)


_SQLITE = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.executescript(sys.argv[2]); c.commit()"


def test_a_backup_of_postgresql_under_load_has_everything_from_before(
    cluster: Cluster, tmp_path: Path
) -> None:
    dump, restore = commands("PostgreSQL")
    server = cluster.url.rpartition("/")[0]
    with cluster.database() as url, serving(tmp_path, *THREADS, database_url=url) as live:
        name = url.rpartition("/")[2]
        places = {
            "sudo -u postgres psql ": f"psql '{cluster.url}' ",
            "OWNER identity": "OWNER postgres",
            "postgresql://identity@db.example.org/identity_restored": f"{server}/{name}_restored",
            "postgresql://identity@db.example.org/identity": f"{server}/{name}",
            "identity_restored": f"{name}_restored",
        }
        with run_experiment([live], url) as experiment:
            before = under_load(experiment, dump, tmp_path, **places)
        assert live.stop() == 0
        run(restore, tmp_path, **places)
        (end_all,) = commands("After a restore")
        with psycopg.connect(f"{server}/{name}_restored", autocommit=True) as connection:
            connection.execute(end_all.encode())
        (tmp_path / "secret_keys").unlink()
        live.environment["IDENTITY_DATABASE_URL"] = f"{url}_restored"
        try:
            start_again(live)
            assert_restored(live, experiment, before)
        finally:
            live.stop()
            with psycopg.connect(cluster.url, autocommit=True) as connection:
                connection.execute(f"DROP DATABASE {name}_restored WITH (FORCE)")
