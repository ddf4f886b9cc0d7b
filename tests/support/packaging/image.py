"""The image, built and run by buildah, on a base that debootstrap makes: nothing comes from a
registry of images."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from support.packaging.artefacts import ROOT

SUITE = "bookworm"  # its Python is the one that the wheels are fetched for
BASE, IMAGE = "localhost/base", "localhost/identityd"
UID = 10001
_PROGRAMS = {"buildah": "buildah", "debootstrap": "debootstrap", "unshare": "util-linux"}
_READ_ONLY = """
set -e
root=$1 data=$2 secrets=$3; shift 3
mount --make-rprivate /
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -t tmpfs tmpfs "$root/run"
mkdir "$root/run/secrets"
mount --bind "$secrets" "$root/run/secrets"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount --bind "$data" "$root/var/lib/identity"
exec chroot --userspec=10001:10001 --groups= "$root" "$@"
"""


def require_programs() -> None:
    """Skip the test where an image cannot be built, or fail in CI."""
    missing = [
        f"Debian's {package}" for program, package in _PROGRAMS.items() if not shutil.which(program)
    ]
    if os.geteuid() != 0:
        missing.append("to be root")
    if sys.version_info[:2] != (3, 11):
        missing.append(f"Python 3.11, as in {SUITE}")
    if missing:
        reason = f"building the image needs {', '.join(missing)}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)


@dataclass(frozen=True, slots=True)
class Image:
    """A built image, and a container of it that was never started."""

    storage: Path
    container: str
    root: Path
    config: dict[str, Any]

    @property
    def environment(self) -> dict[str, str]:
        """The variables that the image sets."""
        return dict(line.split("=", 1) for line in self.config["Env"])

    def run(
        self, data: Path, *arguments: str, settings: Mapping[str, str]
    ) -> subprocess.CompletedProcess[str]:
        """Run the image's entry point with arguments, to its end."""
        options = [f"--env={name}={value}" for name, value in settings.items()]
        command = [*_buildah(self.storage), "run", "--isolation", "chroot", *options]
        command += ["--volume", f"{data}:/var/lib/identity", self.container, "--"]
        command += [*self.config["Entrypoint"], *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)

    def start(
        self, data: Path, secrets: Path, command: list[str], *, settings: Mapping[str, str]
    ) -> subprocess.Popen[bytes]:
        """Start a command on a root file system that is read-only, but for the volume, /tmp and
        /run."""
        variables = [f"{name}={value}" for name, value in {**self.environment, **settings}.items()]
        arguments = [
            str(self.root),
            str(data),
            str(secrets),
            "/usr/bin/env",
            "-i",
            "-C",
            "/var/lib/identity",
        ]
        shell = ["unshare", "--mount", "sh", "-c", _READ_ONLY, "sh"]
        with (data.parent / "log").open("ab") as log:
            return subprocess.Popen(
                [*shell, *arguments, *variables, *command], stdout=log, stderr=subprocess.STDOUT
            )


@contextmanager
def built() -> Iterator[Image]:
    """Build the image from the checkout and give it back at the end."""
    folder = Path(
        tempfile.mkdtemp(
            prefix="identity-image-", dir=os.environ.get("PYTEST_DEBUG_TEMPROOT", "/var/tmp")
        )
    )
    try:
        _make_base(folder)
        _fetch_wheels(folder)
        yield _build(folder)
    finally:
        subprocess.run([*_buildah(folder), "rm", "--all"], check=False, capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)


def _buildah(folder: Path) -> list[str]:
    roots = ["--root", str(folder / "storage"), "--runroot", str(folder / "run")]
    return ["buildah", *roots, "--storage-driver", "vfs"]


def _output(*command: str) -> str:
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert ran.returncode == 0, f"{command}\n{ran.stdout[-3000:]}\n{ran.stderr[-3000:]}"
    return ran.stdout.strip()


def _make_base(folder: Path) -> None:
    tree = folder / "base"
    options = ["--variant=minbase", "--include=python3,python3-venv"]
    _output("debootstrap", *options, SUITE, str(tree))
    container = _output(*_buildah(folder), "from", "scratch")
    _output(*_buildah(folder), "add", "--quiet", container, f"{tree}/", "/")
    _output(*_buildah(folder), "commit", "--quiet", "--rm", container, BASE)
    shutil.rmtree(tree)


def _fetch_wheels(folder: Path) -> None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--require-hashes"]
    _output(
        *command,
        "--requirement",
        str(ROOT / "requirements" / "run.txt"),
        "--dest",
        str(folder / "wheels"),
    )
    (folder / "pip.conf").write_text("[global]\nno-index = true\nfind-links = /wheels\n")


def _build(folder: Path) -> Image:
    run = _buildah(folder)
    mounts = [
        f"--volume={folder}/wheels:/wheels:ro",
        f"--volume={folder}/pip.conf:/etc/pip.conf:ro",
    ]
    options = [
        "--isolation",
        "chroot",
        "--format",
        "docker",
        "--pull-never",
        "--build-arg",
        f"BASE={BASE}",
    ]
    file = ["--file", str(ROOT / "Containerfile"), str(ROOT)]
    _output(*run, "build", "--quiet", *options, *mounts, "--tag", IMAGE, *file)
    container = _output(*run, "from", "--pull-never", IMAGE)
    config = json.loads(_output(*run, "inspect", "--type", "image", IMAGE))["Docker"]["config"]
    return Image(folder, container, Path(_output(*run, "mount", container)), config)
