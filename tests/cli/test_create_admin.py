"""`identity create-admin` reads the password from standard input or a prompt and shows it
nowhere."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from flask import Flask

from config import TestConfig
from identity import create_app
from identity.domain.errors import PasswordChangeRequired, Unauthenticated
from identity.services import Services
from support.app import ORIGIN, close
from support.live import COMMAND, environment, identity
from support.waiting import wait_until

PASSWORD = "canary-Pass-w0rd"
Look = Callable[[dict[str, str]], Services]
HARDENED = {
    "IDENTITY_HARDENED": "true",
    "IDENTITY_ARGON2_MEMORY_KIB": "19456",
    "IDENTITY_ARGON2_TIME": "2",
}
# Gives the command the terminal as its own, so that a prompt finds it as it does for a person.
_IN_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    "os.execv(sys.argv[1], sys.argv[1:])"
)


@pytest.fixture
def variables(tmp_path: Path, database_url: str) -> dict[str, str]:
    """The environment of a command on a migrated database."""
    return environment(tmp_path / "data", {"IDENTITY_DATABASE_URL": database_url})


@pytest.fixture
def embedded(tmp_path: Path, sqlite_template: Path) -> dict[str, str]:
    """The same on SQLite alone, where the database plays no part."""
    (tmp_path / "own.sqlite3").write_bytes(sqlite_template.read_bytes())
    (tmp_path / "own.sqlite3").chmod(0o600)
    return environment(
        tmp_path / "data", {"IDENTITY_DATABASE_URL": f"sqlite:///{tmp_path / 'own.sqlite3'}"}
    )


@pytest.fixture
def services() -> Iterator[Look]:
    """Look with the use cases at the database of a command."""
    made: list[Flask] = []

    def look(variables: dict[str, str]) -> Services:
        own = {name: value for name, value in variables.items() if name.startswith("IDENTITY_")}
        made.append(create_app(type("Own", (TestConfig,), {"IDENTITY": own})))
        found: Services = made[-1].extensions["identity"].services
        return found

    yield look
    for app in made:
        close(app)


def in_terminal(
    variables: dict[str, str], *arguments: str, typed: Iterable[str]
) -> tuple[int, str]:
    """Run the command in a terminal, answer its prompts, and return the exit code and all that was
    shown."""
    ours, its = pty.openpty()
    command = [sys.executable, "-c", _IN_TERMINAL, COMMAND, *arguments]
    process = subprocess.Popen(
        command, env=variables, stdin=its, stdout=its, stderr=its, start_new_session=True
    )
    os.close(its)
    shown, answers = "", iter(typed)
    try:
        for piece in _pieces(ours):
            shown += piece
            if shown.endswith(": "):
                # A signal that comes after Python has last looked for one, and before it reads,
                # waits for
                # the next key.
                wait_until(lambda: _state(process.pid) == "S")
                os.write(ours, next(answers).encode())
        return process.wait(timeout=60), shown
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0]


def _pieces(terminal: int) -> Iterator[str]:
    while True:
        try:
            piece = os.read(terminal, 4096)
        except OSError:  # Linux's way to say that the other side has closed
            return
        if not piece:
            return
        yield piece.decode()


def test_the_password_is_read_from_standard_input(
    variables: dict[str, str], services: Look
) -> None:
    ran = identity(
        variables,
        "create-admin",
        "boss",
        "--email",
        "boss@example.org",
        given=f"{PASSWORD}\nmore\n",
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (
        0,
        "Created administrator boss (id 1).\n",
        "",
    )
    found = services(variables)
    assert found.authentication.by_password("boss", PASSWORD, ORIGIN).account.admin
    again = identity(variables, "create-admin", "BOSS", given=f"{PASSWORD}\n")
    assert (again.returncode, again.stdout, again.stderr) == (
        1,
        "",
        "identity: Username BOSS already exists\n",
    )
    same_email = identity(
        variables, "create-admin", "other", "--email", "BOSS@example.org", given=f"{PASSWORD}\n"
    )
    assert (same_email.returncode, same_email.stdout) == (1, "")
    assert same_email.stderr == "identity: Another account has this email.\n"


def test_the_password_is_asked_for_twice_and_not_shown_in_a_terminal(
    embedded: dict[str, str], services: Look
) -> None:
    code, shown = in_terminal(embedded, "create-admin", "boss", typed=[f"{PASSWORD}\n"] * 2)
    assert code == 0, shown
    assert [line.strip() for line in shown.splitlines()] == [
        "Password:",
        "Repeat password:",
        "Created administrator boss (id 1).",
    ]
    assert services(embedded).authentication.by_password("boss", PASSWORD, ORIGIN).account.admin


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ([f"{PASSWORD}\n", f"{PASSWORD}x\n"], "The passwords do not match."),
        (["\n", "\n"], "password: use 1-256 characters"),
        (["\x03"], "interrupted"),
        (["\x04"], "identity: "),
    ],
    ids=["different", "empty", "ctrl-c", "ctrl-d"],
)
def test_nothing_is_made_when_the_prompts_are_not_answered(
    embedded: dict[str, str], services: Look, typed: list[str], reason: str
) -> None:
    code, shown = in_terminal(embedded, "create-admin", "boss", typed=typed)
    assert code == 1, shown
    assert reason in shown.splitlines()[-1]
    assert ("Traceback" in shown, PASSWORD in shown) == (False, False)
    assert not services(embedded).accounts.any_admin()


@pytest.mark.parametrize(
    ("arguments", "given", "reason"),
    [
        (
            "boss",
            "",
            "password: use 1-256 characters (at most 1024 bytes) without control characters",
        ),
        ("b:s", PASSWORD, "username: use 1-64 of the characters"),
        ("idt_boss", PASSWORD, "username: this name looks like a token; choose another"),
        (
            "boss --email nowhere",
            PASSWORD,
            "email: enter one email address such as name@example.org",
        ),
    ],
)
def test_nothing_is_made_of_what_cannot_be_used(
    embedded: dict[str, str], services: Look, arguments: str, given: str, reason: str
) -> None:
    ran = identity(embedded, "create-admin", *arguments.split(), given=given)
    assert (ran.returncode, ran.stdout, ran.stderr.count("\n")) == (1, "", 1)
    assert ran.stderr.startswith(f"identity: {reason}")
    assert PASSWORD not in ran.stderr
    assert not services(embedded).accounts.any_admin()


@pytest.mark.parametrize("weak", ["seven-7", "Password1"])
def test_a_weak_password_is_refused_when_hardened(
    embedded: dict[str, str], services: Look, weak: str
) -> None:
    ran = identity(embedded | HARDENED, "create-admin", "boss", given=weak)
    assert (ran.returncode, ran.stdout, ran.stderr.count("\n")) == (1, "", 1)
    assert ran.stderr.startswith("identity: password: ")
    assert weak not in ran.stderr
    assert not services(embedded).accounts.any_admin()


@pytest.mark.parametrize("arguments", [("boss", PASSWORD), ("boss", f"--password={PASSWORD}")])
def test_the_password_is_never_an_argument(
    embedded: dict[str, str], services: Look, arguments: tuple[str, ...]
) -> None:
    ran = identity(embedded, "create-admin", *arguments, given=f"{PASSWORD}\n")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith("usage: identity")
    assert PASSWORD not in ran.stderr
    assert not services(embedded).accounts.any_admin()


def test_nothing_is_asked_when_the_database_is_not_migrated(
    tmp_path: Path, empty_database_url: str
) -> None:
    variables = environment(tmp_path / "data", {"IDENTITY_DATABASE_URL": empty_database_url})
    ran = identity(variables, "create-admin", "boss", given=f"{PASSWORD}\n")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "run `identity migrate`" in ran.stderr.splitlines()[-1]
    assert ("Traceback" in ran.stderr, PASSWORD in ran.stderr) == (False, False)


def test_set_password_replaces_a_password_and_ends_what_it_opened(
    variables: dict[str, str], services: Look
) -> None:
    identity(
        variables, "create-admin", "boss", "--email", "boss@example.org", given=f"{PASSWORD}\n"
    )
    found = services(variables)
    owner = found.authentication.by_password("boss", PASSWORD, ORIGIN)
    token = found.tokens.issue(owner).token
    for name, password in (("BOSS", "canary-Second-1"), ("boss@example.org", "canary-Third-1")):
        ran = identity(variables, "set-password", name, given=f"{password}\n")
        told = (
            "Set the password of boss (id 1)."
            " All sessions and certificates of the account were invalidated.\n"
        )
        assert (ran.returncode, ran.stdout, ran.stderr) == (0, told, "")
        found = services(variables)
        assert found.authentication.by_password("boss", password, ORIGIN).account.id == 1
        with pytest.raises(Unauthenticated):
            found.authentication.by_token(token, ORIGIN)
    unknown = identity(variables, "set-password", "falcon", given=f"{PASSWORD}\n")
    assert (unknown.returncode, unknown.stderr) == (1, "identity: There is no such user.\n")
    refused = identity(variables, "set-password", "boss", given="\n")
    assert refused.returncode == 1
    assert "password:" in refused.stderr


def test_set_password_can_ask_for_another_one_at_the_next_login(
    embedded: dict[str, str], services: Look
) -> None:
    identity(embedded, "create-admin", "boss", given=f"{PASSWORD}\n")
    assert (
        identity(
            embedded, "set-password", "boss", "--must-change", given="canary-Second-1\n"
        ).returncode
        == 0
    )
    with pytest.raises(PasswordChangeRequired):
        services(embedded).authentication.by_password("boss", "canary-Second-1", ORIGIN)
