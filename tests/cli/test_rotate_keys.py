"""`identity rotate-keys`: what it changes and prints; it never prints a key."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from support.live import environment, identity

KEY = "5a0c8d1f9b7e42634f5d6c7b8a990e1d"
Run = Callable[..., subprocess.CompletedProcess[str]]
LINE = re.compile(
    r"^  ([0-9a-f]{16})  (access tokens and mails|JWTs): ([a-z:, -]+)  \[(.*)\]$", re.MULTILINE
)


@pytest.fixture
def data(tmp_path: Path, sqlite_template: Path) -> Path:
    """A data directory with a migrated database."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    shutil.copy(sqlite_template, folder / "identity.sqlite3")
    (folder / "identity.sqlite3").chmod(0o600)
    return folder


@pytest.fixture
def run(data: Path) -> Run:
    """Run a command; no key may be in what it says."""

    def command(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        own = {f"IDENTITY_{name.upper()}": value for name, value in settings.items()}
        ran = identity(environment(data, own), *arguments)
        said = ran.stdout + ran.stderr
        secrets = [KEY, "PRIVATE"]
        for path in (data / "secret_keys", *data.glob("jwt_keys/*.pem")):
            secrets += (
                [word for word in path.read_text().split() if len(word) > 40]
                if path.exists()
                else []
            )
        assert [secret for secret in secrets if secret in said] == []
        return ran

    return command


def listed(ran: subprocess.CompletedProcess[str]) -> list[tuple[str, str]]:
    assert (ran.returncode, ran.stderr) == (0, ""), ran
    return [(use, state) for _, use, state, _ in LINE.findall(ran.stdout)]


def test_keys_rotate_and_their_times_are_printed(run: Run) -> None:
    ran = run("rotate-keys", "--grace", "30")
    assert listed(ran) == [
        (use, state)
        for use in ("access tokens and mails", "JWTs")
        for state in ("signing", "pending: accepted, does not sign yet")
    ]
    assert ran.stdout.count("signs from 20") == ran.stdout.count("accepted until 20") == 2
    assert "no token is refused meanwhile" in ran.stdout
    assert listed(run("check")) == listed(ran)


def test_leaked_keys_are_retired_at_once_and_the_effects_are_printed(run: Run, data: Path) -> None:
    run("migrate")
    before = (
        (data / "secret_keys").read_text(),
        [path.read_text() for path in data.glob("jwt_keys/*.pem")],
    )
    ran = run("rotate-keys", "--now")
    assert listed(ran) == [("access tokens and mails", "signing"), ("JWTs", "signing")]
    assert all(
        word in ran.stdout
        for word in ("stop working", "access tokens: log in again", "JWTs", "tokens in mails")
    )
    after = (
        (data / "secret_keys").read_text(),
        [path.read_text() for path in data.glob("jwt_keys/*.pem")],
    )
    assert before[0].split()[0] not in after[0]
    assert set(before[1]).isdisjoint(after[1])
    assert (len(after[0].splitlines()), len(after[1])) == (1, 1)


@pytest.mark.parametrize(
    ("option", "words"), [((), ("<new>,<old>", "<old>,<new>")), (("--now",), ("leaked",))]
)
def test_keys_of_the_setting_are_explained_and_left_alone(
    run: Run, option: tuple[str, ...], words: tuple[str, ...]
) -> None:
    ran = run("rotate-keys", *option, secret_keys=KEY)
    assert {use for use, _ in listed(ran)} == {"JWTs"}
    assert all(
        word in ran.stdout for word in ("IDENTITY_SECRET_KEYS", "openssl rand -hex 32", *words)
    )
    assert "access tokens: log in again" not in ran.stdout
    assert ("access tokens and mails", "signing") in listed(run("check", secret_keys=KEY))


@pytest.mark.parametrize(
    "arguments",
    [("--grace", "2"), ("--grace", "x"), ("--grace", "90000"), ("--grace", "9", "--now"), ("x",)],
)
def test_wrong_arguments_change_nothing(run: Run, data: Path, arguments: tuple[str, ...]) -> None:
    assert run("rotate-keys", *arguments).returncode == 2
    assert not (data / "secret_keys").exists()


def test_keys_rotate_also_while_the_database_is_away(run: Run, data: Path) -> None:
    ran = run("rotate-keys", database_url="postgresql+psycopg://u:p@127.0.0.1:1/identity")
    assert ran.returncode == 2
    assert "IDENTITY_DATABASE_URL" in ran.stderr  # the trail could not be written
    assert len((data / "secret_keys").read_text().splitlines()) == 2


def test_an_authority_that_others_can_read_stops_the_start(
    run: Run, data: Path, tmp_path: Path
) -> None:
    run("migrate")
    own = tmp_path / "authority.pem"
    shutil.copy(data / "ca" / "0001.pem", own)
    own.chmod(0o600)
    assert run("check", ca_file=str(own)).returncode == 0
    own.chmod(0o604)
    ran = run("check", ca_file=str(own))
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == f"identity: {own} is readable by other users: run `chmod 600 {own}`\n"


@pytest.mark.parametrize(
    "name", ["ca/0001.pem", "jwt_keys/0001.pem", "secret_keys", "identity.sqlite3"]
)
def test_a_secret_file_that_others_can_read_stops_the_start(
    run: Run, data: Path, name: str
) -> None:
    run("migrate")
    (data / name).chmod(0o604)
    ran = run("check")
    assert (ran.returncode, ran.stdout, ran.stderr.count("\n")) == (2, "", 1)
    assert f"run `chmod 600 {data / name}`" in ran.stderr


def test_a_database_file_elsewhere_is_private_too(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "elsewhere.sqlite3"
    assert run("migrate", database_url=f"sqlite:///{file}").returncode == 0
    assert file.stat().st_mode & 0o777 == 0o600
    file.chmod(0o644)
    ran = run("check", database_url=f"sqlite:///{file}")
    assert (
        ran.stderr
        == f"identity: IDENTITY_DATABASE_URL: {file} is readable by other users: run `chmod 600 {file}`\n"
    )
