"""systemd and nginx accept the files of deploy/."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from support import nginx
from support.live import COMMAND, identity
from support.postgresql import free_port

DEPLOY = Path(__file__).parents[2] / "deploy"
UNIT = (DEPLOY / "identity.service").read_text("utf-8")
INSTALLED = "/opt/identity/bin/identity"
WORST_EXPOSURE = 15  # tenths; 0 is nothing, 100 everything


def required(program: str, package: str) -> str:
    """Return the path of a program; without it the test is skipped, and fails in CI."""
    found = shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin")
    if found:
        return found
    reason = f"no {program}: install Debian's {package}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit with this environment's command, which is not in /opt."""
    path = tmp_path / "identity.service"
    path.write_text(UNIT.replace(INSTALLED, COMMAND), "utf-8")
    return path


def test_systemd_takes_the_unit_without_a_word(unit: Path) -> None:
    command = [required("systemd-analyze", "systemd"), "verify", "--man=no", str(unit)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (ran.returncode, ran.stdout + ran.stderr) == (0, "")


def test_the_unit_leaves_little_open(unit: Path) -> None:
    command = [required("systemd-analyze", "systemd"), "security", "--offline=true", "--no-pager"]
    command += [f"--threshold={WORST_EXPOSURE}", str(unit)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert ran.returncode == 0, ran.stdout[-200:] + ran.stderr


def test_the_unit_runs_commands_that_there_are() -> None:
    commands = re.findall(rf"^Exec\w+={re.escape(INSTALLED)} (.+)$", UNIT, re.MULTILINE)
    assert commands == ["migrate", "serve"]
    for command in commands:
        assert identity(os.environ, command, "--help").returncode == 0


def test_the_unit_starts_what_the_pages_install() -> None:
    page = (DEPLOY.parent / "docs" / "operations.md").read_text("utf-8")
    assert f"python3 -m venv {INSTALLED.removesuffix('/bin/identity')}\n" in page
    assert f"runuser -u identity -- {INSTALLED} " in page
    assert ".venv/bin" not in UNIT


def test_the_unit_writes_to_one_place_and_leaves_no_core() -> None:
    settings = dict(re.findall(r"^(\w+)=(.*)$", UNIT, re.MULTILINE))
    assert settings["StateDirectory"] == "identity"
    assert settings["ProtectSystem"] == "strict"
    assert settings["LimitCORE"] == "0"
    assert "ReadWritePaths" not in settings
    assert "Environment" not in settings  # no secret stands in a file that all may read


def test_nginx_takes_its_configuration(tmp_path: Path) -> None:
    binary = required("nginx", "nginx-light")
    required("openssl", "openssl")
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    made = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
    ]
    made += ["-subj", "/CN=id.example.org", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(made, check=True, capture_output=True)
    text = (DEPLOY / "nginx.conf").read_text("utf-8")
    for ours, here in (
        ("/etc/ssl/id.example.org.pem", certificate),
        ("/etc/ssl/id.example.org.key", key),
        ("listen 443", f"listen 127.0.0.1:{free_port()}"),
        ("/var/log/nginx/identity.log", tmp_path / "identity.log"),
    ):
        assert ours in text
        text = text.replace(ours, str(here))
    path = tmp_path / "nginx.conf"
    path.write_text(nginx.framed(tmp_path, text))
    command = [
        binary,
        "-t",
        "-p",
        str(tmp_path),
        "-e",
        str(tmp_path / "error.log"),
        "-c",
        str(path),
    ]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert "$remote_user" not in text
    assert not re.search(r"\$request[^_]", text)
