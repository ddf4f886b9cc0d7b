"""The sdist and the wheel as a release has them, and environments that hold nothing but them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]
BIN = Path(sys.executable).parent
UV = BIN / "uv"
_BUILD = (
    "import sys; from setuptools import build_meta; getattr(build_meta, sys.argv[1])(sys.argv[2])"
)


@dataclass(frozen=True, slots=True)
class Artefacts:
    """What is published."""

    sdist: Path
    wheel: Path


def tracked(*under: str) -> list[str]:
    """Return the paths of all files in git's care, or below some folders of it."""
    command = [
        "git",
        "-C",
        str(ROOT),
        "ls-files",
        "--cached",
        "--others",
        "--exclude-standard",
        "-z",
        "--",
        *under,
    ]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\0")
    return sorted(path for path in listed if path and (ROOT / path).is_file())


def build(folder: Path) -> Artefacts:
    """Build the sdist from what git tracks, and the wheel from the sdist."""
    source, built = folder / "source", folder / "dist"
    built.mkdir()
    for path in tracked():
        target = source / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, target)
    sdist = _run_build("build_sdist", source, built)
    with tarfile.open(sdist) as archive:
        archive.extractall(folder / "unpacked", filter="data")
    (unpacked,) = (folder / "unpacked").iterdir()
    return Artefacts(sdist, _run_build("build_wheel", unpacked, built))


def _run_build(kind: str, source: Path, built: Path) -> Path:
    before = set(built.iterdir())
    subprocess.run(
        [sys.executable, "-c", _BUILD, kind, str(built)],
        check=True,
        cwd=source,
        capture_output=True,
    )
    (made,) = set(built.iterdir()) - before
    return made


def locked_versions(folder: Path) -> Path:
    """Write the versions of requirements/run.txt without hashes, which constraints may not have."""
    text = (ROOT / "requirements" / "run.txt").read_text("utf-8")
    lines = [line.rstrip(" \\") for line in text.splitlines() if re.match(r"[a-z0-9-]+==", line)]
    path = folder / "constraints.txt"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def run(*command: str | Path, cwd: Path, **variables: str) -> str:
    """Run a command that must succeed and return what it printed."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("IDENTITY_", "PYTHON"))
    }
    ran = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=inherited | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert ran.returncode == 0, f"{command}\n{ran.stdout}\n{ran.stderr}"
    return ran.stdout


def install(python: str, artefact: Path, folder: Path, *, extras: str = "") -> Path:
    """Install an artefact into a new environment below `folder` and return the environment's bin
    directory."""
    constraints = locked_versions(folder)
    environment = folder / "environment"
    run(UV, "venv", "--quiet", "--python", python, environment, cwd=folder)
    command = [UV, "pip", "install", "--quiet", "--python", environment / "bin" / "python"]
    run(*command, "--constraint", constraints, f"{artefact}{extras}", cwd=folder)
    return environment / "bin"
