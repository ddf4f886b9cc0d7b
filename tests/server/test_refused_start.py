"""A start that cannot work stops with one clear line: which setting, or what to do; no traceback
and no secret."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from support.live import COMMAND, environment
from support.postgresql import free_port

SECRET = "canary-Pass-w0rd"
Run = Callable[..., subprocess.CompletedProcess[str]]


def ended(variables: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command that should end by itself soon; if it serves instead, end it with all its
    workers."""
    command = [COMMAND, *arguments]
    port = {"PORT": str(free_port())}
    process = subprocess.Popen(
        command,
        env=port | dict(variables),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        out, err = process.communicate(timeout=100)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    return subprocess.CompletedProcess(command, process.returncode, out, err)


@pytest.fixture
def serve(tmp_path: Path, sqlite_template: Path) -> Run:
    """Run `identity serve`, or another command, on migrated data; settings are given without their
    prefix."""
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    shutil.copy(sqlite_template, data / "identity.sqlite3")
    (data / "identity.sqlite3").chmod(0o600)

    def run(
        *arguments: str, command: str = "serve", **settings: str
    ) -> subprocess.CompletedProcess[str]:
        own = {f"IDENTITY_{name.upper()}": value for name, value in settings.items()}
        return ended(environment(data, own), command, *arguments)

    return run


def assert_one_clear_line(ran: subprocess.CompletedProcess[str], *words: str) -> None:
    assert ran.returncode in {1, 2}, ran
    assert ran.stdout == ""
    assert ran.stderr.startswith("identity: ")
    assert ran.stderr.count("\n") == 1, ran.stderr
    assert [word for word in words if word not in ran.stderr] == []
    assert SECRET not in ran.stderr


@pytest.mark.parametrize(
    ("url", "word"),
    [
        (
            f"postgresql+psycopg://dbuser:{SECRET}@127.0.0.1:1/identity",
            "127.0.0.1:1/identity cannot be used: connection",
        ),
        (
            f"postgresql+psycopg://127.0.0.1:1/identity?user=u&password={SECRET}",
            "127.0.0.1:1/identity",
        ),
        (f"postgresql+psycopg://u:{SECRET}@nowhere.invalid/identity", "nowhere.invalid"),
        (f"postgresql+psycopg://u:p@{SECRET}@127.0.0.1/identity", "%40"),
        (f"postgresql+asyncpg://u:{SECRET}@127.0.0.1/identity", "postgresql://"),
        (SECRET, "://"),
        (
            "sqlite:////nowhere/identity.sqlite3",
            "/nowhere/identity.sqlite3 cannot be used: unable to open",
        ),
        (f"sqlite:///{__file__}", __file__),
        (f"sqlite:///{Path(__file__).parent}", "is not a file"),
    ],
    ids=[
        "refused",
        "password-in-query",
        "no-such-host",
        "password-with-an-at-sign",
        "other-driver",
        "no-url",
        "no-directory",
        "no-database",
        "a-directory",
    ],
)
def test_a_database_that_cannot_be_used_is_named(serve: Run, url: str, word: str) -> None:
    assert_one_clear_line(serve(database_url=url), "IDENTITY_DATABASE_URL", word)


@pytest.mark.parametrize("command", ["migrate", "create-admin"])
def test_every_command_names_a_database_that_cannot_be_used(serve: Run, command: str) -> None:
    url = f"postgresql+psycopg://dbuser:{SECRET}@127.0.0.1:1/identity"
    arguments = ["boss"] if command == "create-admin" else []
    ran = serve(*arguments, command=command, database_url=url)
    assert_one_clear_line(ran, "IDENTITY_DATABASE_URL", "127.0.0.1:1")


def test_a_database_server_that_is_silent_is_given_up_on(serve: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        ran = serve(database_url=f"postgresql+psycopg://u:{SECRET}@127.0.0.1:{port}/identity")
    assert_one_clear_line(ran, "IDENTITY_DATABASE_URL", str(port))


@pytest.mark.parametrize("command", ["serve", "migrate", "check"])
@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_a_driver_that_is_missing_is_named_with_its_extra(
    tmp_path: Path, scheme: str, command: str
) -> None:
    (tmp_path / "psycopg.py").write_text("raise ModuleNotFoundError(__name__)")
    variables = environment(
        tmp_path / "data", {"IDENTITY_DATABASE_URL": f"{scheme}://u:{SECRET}@127.0.0.1:1/identity"}
    )
    ran = ended(variables | {"PYTHONPATH": str(tmp_path)}, command)
    assert_one_clear_line(ran, "IDENTITY_DATABASE_URL", "psycopg", "[postgresql]")


def test_a_database_that_is_not_migrated_says_what_to_run(
    tmp_path: Path, empty_database_url: str
) -> None:
    variables = environment(tmp_path / "data", {"IDENTITY_DATABASE_URL": empty_database_url})
    assert_one_clear_line(ended(variables, "serve"), "identity migrate")


@pytest.mark.parametrize("command", ["serve", "migrate"])
def test_a_database_of_a_later_version_is_left_alone(
    serve: Run, tmp_path: Path, command: str
) -> None:
    with sqlite3.connect(tmp_path / "data" / "identity.sqlite3") as database:
        database.execute("UPDATE identity_alembic_version SET version_num = 'later'")
    said = ("This Identity is older than the database", "schema later or later", "backup")
    assert_one_clear_line(serve(command=command), *said)
    assert database.execute("SELECT version_num FROM identity_alembic_version").fetchall() == [
        ("later",)
    ]


def test_an_address_in_use_is_named(serve: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert_one_clear_line(serve("--port", str(port)), "127.0.0.1", str(port), "PORT")


@pytest.mark.parametrize(
    "arguments", [("a..b",), ("192.0.2.1", "--tls")], ids=["granian", "gunicorn"]
)
def test_a_host_that_is_not_this_machine_is_named(serve: Run, arguments: tuple[str, ...]) -> None:
    assert_one_clear_line(serve("--host", *arguments), f"cannot listen on {arguments[0]!r}", "HOST")


@pytest.mark.parametrize("place", ["file", "file/below", "/proc/nowhere"])
def test_a_data_directory_that_cannot_be_used_is_named(
    serve: Run, tmp_path: Path, place: str
) -> None:
    (tmp_path / "file").write_text("in the way")
    path = str(tmp_path / place)  # an absolute place stays what it is
    assert_one_clear_line(serve(data_dir=path), "IDENTITY_DATA_DIR", path)


def test_a_data_directory_that_is_another_users_is_left_alone(serve: Run, tmp_path: Path) -> None:
    place = tmp_path / "home"
    (place / "papers").mkdir(parents=True)
    place.chmod(0o755)
    assert_one_clear_line(
        serve(command="migrate", data_dir=str(place)), "IDENTITY_DATA_DIR", f"chmod 700 {place}"
    )
    assert (place.stat().st_mode & 0o777, [each.name for each in place.iterdir()]) == (
        0o755,
        ["papers"],
    )


def test_an_empty_data_directory_setting_never_means_the_current_directory(
    serve: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    here.mkdir(mode=0o755)
    monkeypatch.chdir(here)
    serve(command="check", data_dir="")
    assert (
        here.stat().st_mode & 0o777,
        [path.name for path in here.iterdir() if path.name != "instance"],
    ) == (
        0o755,
        [],
    )


@pytest.mark.parametrize("content", [b"\n", b"\xff\xfe", b"short"], ids=str)
def test_a_key_file_without_a_usable_key_is_named(
    serve: Run, tmp_path: Path, content: bytes
) -> None:
    keys = tmp_path / "data" / "secret_keys"
    keys.touch(mode=0o600)
    keys.write_bytes(content)
    assert_one_clear_line(serve(), str(keys), "key")


def test_a_key_file_that_is_none_is_named(serve: Run, tmp_path: Path) -> None:
    (tmp_path / "data" / "secret_keys").mkdir(mode=0o700)
    assert_one_clear_line(serve(), str(tmp_path / "data" / "secret_keys"))


@pytest.mark.parametrize(("name", "mode"), [("secret_keys", 0o604), ("identity.sqlite3", 0o604)])
def test_a_file_with_secrets_that_others_can_read_is_named(
    serve: Run, tmp_path: Path, name: str, mode: int
) -> None:
    path = tmp_path / "data" / name
    path.touch()
    path.chmod(mode)
    assert_one_clear_line(serve(), f"chmod 600 {path}")


@pytest.mark.parametrize(
    ("setting", "value", "word"),
    [
        ("NO_SUCH", SECRET, "there is no such setting"),
        ("admin_username", SECRET, "there is no such setting"),  # settings are upper case
        ("SECRET_KEYS", SECRET, "32"),
        ("HARDENED", "yes", "true or false"),
        ("TOKEN_SECONDS", "1.5", "whole number"),
        ("ADMIN_USERNAME", "no:colon", "username"),
        ("ADMIN_PASSWORD", SECRET * 30, "password"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(
    tmp_path: Path, sqlite_template: Path, setting: str, value: str, word: str
) -> None:
    own = {"IDENTITY_DATABASE_URL": f"sqlite:///{sqlite_template}", f"IDENTITY_{setting}": value}
    assert_one_clear_line(
        ended(environment(tmp_path / "data", own), "serve"), f"IDENTITY_{setting}", word
    )
