"""The help of every command, and `identity migrate`."""

from __future__ import annotations

import re
import sqlite3
import subprocess
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

import pytest

from identity.settings import described
from identity.store.migrations import HEAD
from support.live import COMMAND, environment, identity

MIGRATED = f"The database is at revision {HEAD}.\n"


def test_help_names_every_command_and_every_setting(tmp_path: Path) -> None:
    shown = identity(environment(tmp_path, {}), "--help")
    assert (shown.returncode, shown.stderr) == (0, "")
    for word in (
        "serve",
        "migrate",
        "check",
        "prune",
        "create-admin",
        "unlock",
        *(one.name for one in described()),
    ):
        assert re.search(rf"^ +{word}\b", shown.stdout, re.MULTILINE), word


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("serve", ("--host", "--port", "--workers", "--threads", "127.0.0.1", "5000")),
        ("migrate", ("may run on several nodes at once",)),
        ("check", ("settings", "database", "exposures")),
        ("unlock", ("NAME|IP", "username", "--no-ip")),
        ("prune", ("sessions", "audit events", "how many")),
        ("create-admin", ("username", "--email", "standard input")),
    ],
)
def test_help_of_a_command_says_what_it_does_and_takes(
    tmp_path: Path, command: str, words: tuple[str, ...]
) -> None:
    shown = identity(
        environment(tmp_path, {"IDENTITY_DATA_DIR": str(tmp_path / "never")}), command, "--help"
    )
    assert (shown.returncode, shown.stderr) == (0, "")
    flowing = " ".join(shown.stdout.split())
    assert [word for word in words if word not in flowing] == []
    assert not (tmp_path / "never").exists()


@pytest.mark.parametrize("arguments", [("no-such-command",), ("serve", "--workers", "0")])
def test_a_wrong_command_line_is_refused_with_the_usage(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    refused = identity(environment(tmp_path, {}), *arguments)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith("usage: identity")
    assert "Traceback" not in refused.stderr


def test_the_command_alone_prints_the_help(tmp_path: Path) -> None:
    data = tmp_path / "never"
    alone, asked = (identity(environment(data, {}), *arguments) for arguments in ((), ("--help",)))
    assert (alone.returncode, alone.stdout, alone.stderr) == (0, asked.stdout, "")
    assert not data.exists()


@pytest.mark.parametrize("option", ["-V", "--version"])
def test_the_version_is_that_of_the_package(tmp_path: Path, option: str) -> None:
    shown = identity(environment(tmp_path, {}), option)
    assert (shown.returncode, shown.stdout, shown.stderr) == (
        0,
        f"identity {version('identityd')} (schema {HEAD})\n",
        "",
    )


@pytest.mark.skipif(
    not Path("/dev/full").exists(), reason="only Linux has a device that is always full"
)
def test_an_output_that_cannot_be_written_is_reported_in_one_line(tmp_path: Path) -> None:
    variables = environment(tmp_path, {})
    identity(variables, "migrate")
    with Path("/dev/full").open("w") as full:
        command = [COMMAND, "check"]
        failed = subprocess.run(
            command, env=variables, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (failed.returncode, failed.stderr) == (
        1,
        "identity: aborted: No space left on device\n",
    )


def test_migrating_says_the_revision_however_often_it_is_done(
    tmp_path: Path, empty_database_url: str
) -> None:
    variables = environment(tmp_path / "data", {"IDENTITY_DATABASE_URL": empty_database_url})
    for _ in range(2):
        migrated = identity(variables, "migrate")
        assert (migrated.returncode, migrated.stdout, migrated.stderr) == (0, MIGRATED, "")


def test_migrating_works_on_two_nodes_at_once(tmp_path: Path, empty_database_url: str) -> None:
    def migrate(node: str) -> subprocess.CompletedProcess[str]:
        return identity(
            environment(tmp_path / node, {"IDENTITY_DATABASE_URL": empty_database_url}), "migrate"
        )

    with ThreadPoolExecutor(2) as nodes:
        for migrated in nodes.map(migrate, ("one", "other")):
            assert (migrated.returncode, migrated.stdout, migrated.stderr) == (0, MIGRATED, "")


def test_migrating_leaves_a_later_schema_that_this_version_can_read_as_it_is(
    tmp_path: Path,
) -> None:
    variables = environment(tmp_path, {})
    assert identity(variables, "migrate").stdout == MIGRATED
    with sqlite3.connect(tmp_path / "identity.sqlite3") as database:
        database.execute("UPDATE identity_alembic_version SET version_num = '9999'")
        database.execute("INSERT INTO schema_reader (revision, age) VALUES ('9999', -1)")
    for _ in range(2):
        migrated = identity(variables, "migrate")
        assert (migrated.returncode, migrated.stderr) == (0, "")
        assert migrated.stdout.startswith("The database is at revision 9999.\nThis is newer than")
    assert identity(variables, "check").returncode == 0


def test_the_first_command_makes_a_data_directory_closed_to_others(tmp_path: Path) -> None:
    home = tmp_path / "new" / "data"
    assert identity(environment(home, {}), "migrate").returncode == 0
    modes = {
        path.relative_to(tmp_path).as_posix(): path.stat().st_mode & 0o777
        for path in (home, *home.rglob("*"))
    }
    folders = ("new/data", "new/data/ca", "new/data/jwt_keys")
    files = ["identity.sqlite3", "identity.sqlite3-mark", "secret_keys"]
    files += ["ca/0001.pem", "jwt_keys/0001.pem"]
    assert modes == dict.fromkeys(folders, 0o700) | {f"new/data/{name}": 0o600 for name in files}


def test_migrate_says_in_one_line_that_another_program_keeps_its_revision_beside(
    tmp_path: Path,
) -> None:
    path = tmp_path / "shared.sqlite3"
    path.touch(mode=0o600)
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        database.execute("INSERT INTO alembic_version VALUES ('ae1027a6acf')")
    ran = identity(
        environment(tmp_path / "data", {"IDENTITY_DATABASE_URL": f"sqlite:///{path}"}), "migrate"
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.splitlines()[1:] == [
        "The table alembic_version belongs to another program and was left alone."
    ]
