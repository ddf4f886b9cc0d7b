"""`identity check`: the settings, whether the database can be used, and what is open."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask

from identity.settings import described
from support.database import engine_of, execute
from support.live import environment, identity

KEY = "5a0c8d1f9b7e42634f5d6c7b8a990e1d"
PASSWORD = "canary-pass-word"
HARDENED = {
    "IDENTITY_HARDENED": "true",
    "IDENTITY_ARGON2_MEMORY_KIB": "19456",
    "IDENTITY_ARGON2_TIME": "2",
}


@pytest.fixture
def check(sqlite_template: Path, tmp_path: Path) -> Callable[..., str]:
    """Run the command on a migrated database; it must succeed and write nothing but its answer."""

    def run(**settings: str) -> str:
        own = {"IDENTITY_DATABASE_URL": f"sqlite:///{sqlite_template}"} | settings
        ran = identity(environment(tmp_path / "data", own), "check")
        assert (ran.returncode, ran.stderr) == (0, "")
        return ran.stdout

    return run


def url_of(app: Flask) -> str:
    return engine_of(app).url.render_as_string(hide_password=False)


def opened(text: str) -> dict[str, str]:
    """Return what is open and, for each, the setting that closes it."""
    lines = text.partition("\nExposures\n")[2].splitlines()
    return dict(line.strip().removesuffix("]").split("  [") for line in lines)


def test_check_lists_every_setting_with_its_value_and_where_it_comes_from(
    tmp_path: Path, database_url: str
) -> None:
    settings = {"IDENTITY_DATABASE_URL": database_url, "IDENTITY_TOKEN_SECONDS": "77"}
    ran = identity(environment(tmp_path / "data", settings), "check")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert re.findall(r"^  (IDENTITY_\w+) = ", ran.stdout, re.MULTILINE) == [
        one.name for one in described()
    ]
    assert "  IDENTITY_TOKEN_SECONDS = 77  [set]\n" in ran.stdout
    assert "  IDENTITY_REGISTRATION = open  [default]\n" in ran.stdout
    assert "reachable, migrated to this version" in ran.stdout


@pytest.mark.parametrize("name", ["IDENTITY_ADMIN_USERNAME", "IDENTITY_PUBLIC_URL"])
def test_check_does_not_show_the_default_of_a_setting_that_is_set_to_nothing(
    tmp_path: Path, name: str
) -> None:
    ran = identity(environment(tmp_path, {name: ""}), "check")
    assert re.findall(rf"^  {name} = (.*)$", ran.stdout, re.MULTILINE) == ["(unset)  [set]"]


def test_check_lists_usernames_that_look_like_the_email_of_another_person(
    app: Flask, tmp_path: Path
) -> None:
    environ = environment(tmp_path / "data", {"IDENTITY_DATABASE_URL": url_of(app)})
    assert "Usernames" not in identity(environ, "check").stdout.partition("Database")[2]
    execute(
        app,
        "UPDATE account SET username = :name, username_canonical = :name WHERE id = 2",
        name="boss@corp.example",
    )
    listed = identity(environ, "check").stdout
    assert "Usernames that are emails of others" in listed
    assert "\n  boss@corp.example\n" in listed


def test_check_counts_passwords_that_no_login_can_match(app: Flask, tmp_path: Path) -> None:
    environ = environment(tmp_path / "data", {"IDENTITY_DATABASE_URL": url_of(app)})
    assert "Passwords that cannot be checked" not in identity(environ, "check").stdout
    for stored, counted in (("$1$salt$4n4ryc4n4ry", 1), ("!", 0), ("*", 0), ("", 0), ("c4n4ry", 1)):
        execute(app, "UPDATE account SET password_hash = :stored WHERE id = 2", stored=stored)
        listed = identity(environ, "check").stdout
        assert ("\n  1 accounts: " in listed) == bool(counted), stored
        assert "4n4ry" not in listed


def test_check_repeats_no_secret(check: Callable[..., str]) -> None:
    text = check(IDENTITY_SECRET_KEYS=KEY, IDENTITY_ADMIN_PASSWORD=PASSWORD)
    assert (KEY in text, PASSWORD in text) == (False, False)
    for name in ("IDENTITY_SECRET_KEYS", "IDENTITY_ADMIN_PASSWORD"):
        assert f"  {name} = (secret)  [set]\n" in text


def test_check_says_which_file_a_secret_is_from(check: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{KEY}\n")
    text = check(IDENTITY_SECRET_KEYS_FILE=str(tmp_path / "key"))
    assert f"  IDENTITY_SECRET_KEYS = (secret)  [from {tmp_path / 'key'}]\n" in text
    assert KEY not in text


def contents(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Return everything in a folder, but for what SQLite needs for looking."""
    return {
        path.relative_to(folder).as_posix(): (
            path.stat().st_mode,
            path.read_bytes() if path.is_file() else b"",
        )
        for path in folder.rglob("*")
        if not path.name.endswith(("-wal", "-shm"))
    }


def test_check_leaves_nothing_where_it_is_run_by_mistake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    tmp_path.chmod(0o755)
    variables = environment(tmp_path, {})
    del variables["IDENTITY_DATA_DIR"]
    ran = identity(variables, "check")
    assert (ran.returncode, ran.stderr) == (1, "")
    assert (
        f"{tmp_path}/instance  [does not exist; the first `identity migrate` creates it]\n"
        in ran.stdout
    )
    assert ran.stdout.count("none  [created by the first") == 2
    assert "  not usable: the file does not exist: run `identity migrate`" in ran.stdout
    assert (list(tmp_path.iterdir()), tmp_path.stat().st_mode & 0o777) == ([], 0o755)


def test_check_makes_no_keys_for_a_database_that_is_migrated(
    tmp_path: Path, database_url: str
) -> None:
    data = tmp_path / "data"
    ran = identity(environment(data, {"IDENTITY_DATABASE_URL": database_url}), "check")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.count("none  [created by the first") == 2
    assert not data.exists()


def test_check_changes_nothing_in_a_data_directory_that_is_used(tmp_path: Path) -> None:
    data = tmp_path / "data"
    variables = environment(data, {})
    assert identity(variables, "migrate").returncode == 0
    before = contents(data)
    ran = identity(variables, "check")
    assert (ran.returncode, ran.stderr, "none  [created" in ran.stdout) == (0, "", False)
    assert contents(data) == before
    assert len(before) >= 7


def test_check_names_a_data_directory_that_is_open_to_others(tmp_path: Path) -> None:
    data = tmp_path / "data"
    variables = environment(data, {})
    assert identity(variables, "migrate").returncode == 0
    data.chmod(0o755)
    ran = identity(variables, "check")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert f"chmod 700 {data}" in ran.stderr
    assert data.stat().st_mode & 0o777 == 0o755


def test_check_speaks_of_documents_by_their_names(check: Callable[..., str]) -> None:
    assert "seed" not in check()


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql+psycopg://dbuser:{PASSWORD}@127.0.0.1:1/identity",
        f"postgresql+psycopg://127.0.0.1:1/identity?user=dbuser&password={PASSWORD}",
    ],
)
def test_check_repeats_no_password_of_the_database(tmp_path: Path, url: str) -> None:
    ran = identity(environment(tmp_path, {"IDENTITY_DATABASE_URL": url}), "check")
    assert ran.returncode == 1
    assert "127.0.0.1:1/identity" in ran.stdout
    assert PASSWORD not in ran.stdout + ran.stderr


def test_check_ends_with_1_when_the_database_is_not_migrated(
    tmp_path: Path, empty_database_url: str
) -> None:
    if empty_database_url.startswith("sqlite"):
        Path(empty_database_url.removeprefix("sqlite:///")).touch(mode=0o600)
    ran = identity(environment(tmp_path, {"IDENTITY_DATABASE_URL": empty_database_url}), "check")
    assert ran.returncode == 1
    assert (
        "not usable: The database is not migrated to this version: run `identity migrate`."
        in ran.stdout
    )
    assert "Traceback" not in ran.stderr


def test_check_names_for_everything_open_the_setting_that_closes_it(
    check: Callable[..., str],
) -> None:
    faithful = opened(check())
    assert len(faithful) == 12
    closing = {
        "IDENTITY_HARDENED=true",
        "IDENTITY_REGISTRATION=admin",
        "IDENTITY_PUBLIC_URL=https://…",
    }
    closing.add("IDENTITY_SMTP_URL=smtp://…")
    assert set(faithful.values()) == closing
    hardened = opened(check(**HARDENED))
    assert hardened == {
        fact: how for fact, how in faithful.items() if how != "IDENTITY_HARDENED=true"
    }
    settings = {"IDENTITY_REGISTRATION": "admin", "IDENTITY_PUBLIC_URL": "https://id.example.org"}
    all_closed = check(**HARDENED, **settings, IDENTITY_SMTP_URL="smtp://mail.example.org")
    assert opened(all_closed) == {"none": "hardened"}


@pytest.mark.parametrize(
    ("name", "value", "word", "closing"),
    [
        (
            "IDENTITY_PUBLIC_URL",
            "http://id.example.org",
            "in the clear",
            "IDENTITY_PUBLIC_URL=https://…",
        ),
        (
            "IDENTITY_IP_FAILURES",
            "0",
            "any number of passwords",
            "IDENTITY_IP_FAILURES=100",
        ),
        (
            "IDENTITY_TRUSTED_PROXIES",
            "16.0.0.0/4",
            "trusted as proxies",
            "IDENTITY_TRUSTED_PROXIES=…",
        ),
    ],
)
def test_check_points_out_a_deployment_that_is_open(
    check: Callable[..., str], name: str, value: str, word: str, closing: str
) -> None:
    found = opened(check(**{name: value}))
    assert [how for fact, how in found.items() if word in fact] == [closing]
