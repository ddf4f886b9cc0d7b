"""`identity serve` starts: the administrator of the first start, and where the password is found
afterwards.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from flask import Flask

from identity.cli.admin import make_first_admin
from identity.domain.principal import operator
from identity.settings import Settings
from support import live as live_services
from support.app import ORIGIN, services
from support.live import COMMAND, Live, environment, identity, serving, wait_until_ready
from support.postgresql import free_port

PASSWORD = "canary-Pass-w0rd"
BASE = "http://127.0.0.1:5000"
SHOWN = re.compile(r"Created administrator (\S+)\. This password is shown only once: (\S{20,})\n")
TO_PASTE = re.compile(r"^ +(curl .*)$", re.MULTILINE)


def children(pid: int) -> Iterator[int]:
    """Return every process that descends from one."""
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split():
        yield int(child)
        yield from children(int(child))


def admins(live: Live, password: str) -> list[str]:
    """Ask the service itself which administrators there are."""
    users = live.curl("/api/admin/users", "-u", f"admin:{password}").json()["users"]
    return [user["username"] for user in users if user["admin"]]


def test_the_first_start_prints_a_password_once_and_a_line_to_paste(
    tmp_path: Path, empty_database_url: str
) -> None:
    settings = {"database_url": empty_database_url, "admin_password": ""}
    with serving(tmp_path, "--workers", "1", **settings) as live:
        first = live.output()
        ((name, password),) = SHOWN.findall(first)
        assert name == "admin"
        assert f"Serving Identity on {live.base}" in first
        (line,) = TO_PASTE.findall(first)
        pasted = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=True)
        assert re.fullmatch(r'\{"duration":600,"token":"\S+"\}\n', pasted.stdout)
        assert admins(live, password) == ["admin"]
    with serving(tmp_path, "--workers", "1", **settings) as live:
        assert live.curl("/api/token", "-u", f"admin:{password}").status == 200
        second = live.output()
    assert [word for word in (password, "administrator", "curl") if word in second] == []


def test_the_password_of_the_first_start_is_never_the_same(
    make_app: Callable[..., Flask],
    sqlite_template: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for number in ("1", "2"):
        own = shutil.copy(sqlite_template, tmp_path / number)
        make_first_admin(
            Settings.load({}), services(make_app(database_url=f"sqlite:///{own}")), BASE
        )
    (_, one), (_, other) = SHOWN.findall(capsys.readouterr().out)
    assert one != other


@pytest.mark.parametrize("options", ["", " -E", " -sE", " -P", " -I"])
def test_no_code_of_the_directory_it_is_started_in_is_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: str
) -> None:
    command = tmp_path / "identity"  # as pipx writes it, which makes it deaf to the environment
    _, _, body = Path(COMMAND).read_text("utf-8").partition("\n")
    command.write_text(f"#!{sys.executable}{options}\n{body}", "utf-8")
    command.chmod(0o700)
    monkeypatch.setattr(live_services, "COMMAND", str(command))
    somewhere = tmp_path / "somewhere"
    somewhere.mkdir()
    for name in ("dis", "json", "socket"):  # names that Python itself imports
        (somewhere / f"{name}.py").write_text(
            "print('foreign code')\nraise SystemExit(1)\n", "ascii"
        )
    monkeypatch.chdir(somewhere)
    with serving(tmp_path, "--workers", "1") as live:
        assert live.curl("/healthz").status == 200
        assert "foreign code" not in live.output()


def test_a_given_password_is_used_and_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOST", "0.0.0.0")  # noqa: S104 - what is shown must be an address to call all the same
    with serving(tmp_path, "--workers", "2", admin_password=PASSWORD) as live:
        workers = list(children(live.process.pid))
        assert len(workers) >= 2
        for pid in workers:
            variables = Path(f"/proc/{pid}/environ").read_bytes()
            assert b"IDENTITY_DATA_DIR=" in variables
            assert (b"IDENTITY_ADMIN_PASSWORD" in variables, PASSWORD.encode() in variables) == (
                False,
                False,
            )
        (line,) = TO_PASTE.findall(live.output())
        assert line.startswith(f"curl -u admin {live.base}/api/token")
        assert f"Serving Identity on {live.base} with 2 workers" in live.output()
        assert admins(live, PASSWORD) == ["admin"]
        assert PASSWORD not in live.output()


def test_the_line_to_paste_is_one_for_every_shell(
    make_app: Callable[..., Flask], capsys: pytest.CaptureFixture[str]
) -> None:
    make_first_admin(Settings.load({}), services(make_app()), "http://[::1]:5000")
    (line,) = TO_PASTE.findall(capsys.readouterr().out)
    assert line.endswith(
        " 'http://[::1]:5000/api/token'"
    )  # some take what is in brackets for a pattern


def test_no_administrator_is_made_when_none_is_wanted(
    make_app: Callable[..., Flask], capsys: pytest.CaptureFixture[str]
) -> None:
    app = make_app()
    make_first_admin(Settings.load({"IDENTITY_ADMIN_USERNAME": ""}), services(app), BASE)
    assert capsys.readouterr().out == ""
    assert not services(app).accounts.any_admin()


def test_no_administrator_is_made_when_there_is_one(
    app: Flask, capsys: pytest.CaptureFixture[str]
) -> None:
    make_first_admin(Settings.load({"IDENTITY_ADMIN_USERNAME": "other"}), services(app), BASE)
    assert capsys.readouterr().out == ""
    page = services(app).account_list.page(operator(), search="other", cursor=None, limit=1)
    assert page.items == ()


def test_one_administrator_is_made_when_many_nodes_start_at_the_same_time(
    make_app: Callable[..., Flask], capsys: pytest.CaptureFixture[str]
) -> None:
    nodes = [make_app() for _ in range(6)]
    start = threading.Barrier(len(nodes))

    def begin(node: Flask) -> None:
        start.wait(timeout=60)
        make_first_admin(Settings.load({}), services(node), BASE)

    with ThreadPoolExecutor(len(nodes)) as pool:
        list(pool.map(begin, nodes))
    ((name, password),) = SHOWN.findall(capsys.readouterr().out)
    assert services(nodes[0]).authentication.by_password(name, password, ORIGIN).account.admin
    assert [
        view.username
        for view in services(nodes[0])
        .account_list.page(operator(), search=None, cursor=None, limit=10)
        .items
    ] == ["admin"]


def test_one_administrator_is_made_when_two_services_start_at_once(
    tmp_path: Path, empty_database_url: str
) -> None:
    shared = {"IDENTITY_DATABASE_URL": empty_database_url, "IDENTITY_ADMIN_PASSWORD": ""}
    nodes = [environment(tmp_path / name, shared) for name in ("one", "other")]
    assert identity(nodes[0], "migrate").returncode == 0
    (tmp_path / "one").rename(tmp_path / "keys")
    for variables in nodes:
        shutil.copytree(tmp_path / "keys", variables["IDENTITY_DATA_DIR"])
    running = []
    try:
        for number, variables in enumerate(nodes):
            port, log = free_port(), tmp_path / f"{number}.log"
            with log.open("wb") as output:
                process = subprocess.Popen(
                    [COMMAND, "serve", "--port", str(port), "--workers", "1"],
                    env=variables,
                    stdout=output,
                    stderr=output,
                )
            running.append(Live(f"http://127.0.0.1:{port}", variables, log, process))
        for live in running:
            wait_until_ready(live)
        ((_, password),) = SHOWN.findall("".join(live.output() for live in running))
        assert [admins(live, password) for live in running] == [["admin"], ["admin"]]
    finally:
        for live in running:
            live.stop()


def test_a_worker_starts_when_the_file_of_the_first_password_is_gone(tmp_path: Path) -> None:
    variables = environment(tmp_path, {"IDENTITY_ADMIN_PASSWORD_FILE": str(tmp_path / "gone")})
    del variables["IDENTITY_ADMIN_PASSWORD"]
    assert "IDENTITY_ADMIN_PASSWORD_FILE" in identity(variables, "migrate").stderr
    command = [
        sys.executable,
        "-c",
        "from identity.wiring.worker import create_worker; create_worker(4)",
    ]
    ran = subprocess.run(
        command, env=variables, capture_output=True, text=True, check=False, timeout=60
    )
    assert (ran.returncode, ran.stderr) == (0, "")
