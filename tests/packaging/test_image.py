"""The image is built from the Containerfile, starts, migrates, answers a login, and is
restrictive."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.accounts import ADMIN
from support.live import CHEAP, Live, wait_until_ready
from support.packaging.image import UID, Image, built, require_programs
from support.postgresql import free_port

pytestmark = pytest.mark.timeout(900)
PASSWORD = "Canary-of-a-file"


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    require_programs()
    with built() as made:
        yield made


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    """An empty volume of the container's user."""
    path = tmp_path / "volume"
    path.mkdir(mode=0o700)
    os.chown(path, UID, UID)
    return path


@pytest.fixture
def secrets(tmp_path: Path, empty_database_url: str, engine_name: str) -> Path:
    """Files as a platform mounts secrets."""
    path = tmp_path / "secrets"
    path.mkdir(mode=0o755)
    (path / "admin_password").write_text(f"{PASSWORD}\n")
    if engine_name == "postgresql":
        (path / "database_url").write_text(
            empty_database_url.replace("postgresql+psycopg", "postgres") + "\n"
        )
    return path


def test_the_image_says_what_a_platform_asks(image: Image) -> None:
    assert image.config["User"] == f"{UID}:{UID}"
    assert list(image.config["Volumes"]) == ["/var/lib/identity"]
    assert list(image.config["ExposedPorts"]) == ["5000/tcp"]
    assert image.config["StopSignal"] == "SIGTERM"
    assert image.config["Healthcheck"]["Test"][0] == "CMD"
    assert (image.config["Entrypoint"], image.config["Cmd"]) == (["identity"], ["serve"])


def test_the_user_can_write_to_nothing_but_the_volume_and_temporary_places(image: Image) -> None:
    find = [
        "find",
        str(image.root),
        "-xdev",
        "(",
        "-user",
        str(UID),
        "-o",
        "-group",
        str(UID),
        "-o",
        "-perm",
        "-o=w",
    ]
    found = subprocess.run(
        [*find, ")", "-not", "-type", "l"], check=True, capture_output=True, text=True
    ).stdout
    places = {"/" + str(Path(line).relative_to(image.root)) for line in found.splitlines()}
    assert places <= {"/var/lib/identity", "/tmp", "/var/tmp", "/run/lock"} | {
        p for p in places if p.startswith("/dev/")
    }
    special = subprocess.run(
        ["find", str(image.root / "opt"), "-perm", "/6000"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert special.stdout == ""


def test_neither_source_nor_pip_nor_a_secret_is_in_the_image(image: Image) -> None:
    assert not (image.root / "source").exists()
    assert not list((image.root / "opt" / "identity").glob("lib/python3*/site-packages/pip"))
    assert list((image.root / "var" / "lib" / "identity").iterdir()) == []
    assert not any(
        line.startswith("IDENTITY_") and "DATA_DIR" not in line for line in image.config["Env"]
    )


def test_it_starts_migrates_and_logs_in_with_a_read_only_root(
    image: Image, volume: Path, secrets: Path, tmp_path: Path
) -> None:
    port = free_port()
    settings = CHEAP | {
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "IDENTITY_ADMIN_PASSWORD_FILE": "/run/secrets/admin_password",
    }
    if (secrets / "database_url").exists():
        settings["IDENTITY_DATABASE_URL_FILE"] = "/run/secrets/database_url"
    migrated = image.start(
        volume, secrets, [*image.config["Entrypoint"], "migrate"], settings=settings
    )
    assert migrated.wait(60) == 0, (tmp_path / "log").read_text()
    command = [*image.config["Entrypoint"], *image.config["Cmd"], "--workers", "2"]
    process = image.start(volume, secrets, command, settings=settings)
    live = Live(f"http://127.0.0.1:{port}", {}, tmp_path / "log", process)
    try:
        wait_until_ready(live)
        token = live.curl("/api/token", "-u", f"{ADMIN[0]}:{PASSWORD}").json()["token"]
        assert live.curl("/api/resource", "-u", f"{token}:").status == 200
        (uid,) = {path.stat().st_uid for path in volume.rglob("*")}
        assert uid == UID
        health = image.start(
            volume, secrets, image.config["Healthcheck"]["Test"][1:], settings=settings
        )
        assert health.wait(60) == 0
        assert live.stop(signal.SIGTERM) == 0
        health = image.start(
            volume, secrets, image.config["Healthcheck"]["Test"][1:], settings=settings
        )
        assert health.wait(60) != 0
    finally:
        process.kill()
    assert PASSWORD not in live.output()


def test_buildah_runs_the_entry_point_as_the_user(image: Image, volume: Path) -> None:
    migrated = image.run(volume, "migrate", settings={})
    assert (migrated.returncode, migrated.stderr) == (0, "")
    assert (volume / "identity.sqlite3").stat().st_uid == UID
    assert image.run(volume, "--version", settings={}).stdout.startswith("identity ")
