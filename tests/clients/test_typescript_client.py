"""A TypeScript client, generated from the document of a running service, compiles and does the same
under Node."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from support.accounts import ADMIN
from support.live import Live

PROJECT = Path(__file__).parent / "typescript"
INSTALL = ("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The program and its packages, as the lock file names them."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            unavailable(f"no {program}: install it to generate a TypeScript client")
    for file in PROJECT.iterdir():
        if file.is_file():
            shutil.copy(file, tmp_path)
    if (PROJECT / "node_modules" / ".package-lock.json").exists():
        (tmp_path / "node_modules").symlink_to(PROJECT / "node_modules")
    elif (installed := run(*INSTALL, where=tmp_path)).returncode:
        unavailable(f"npm installs nothing: {installed.stderr}")
    return tmp_path


def unavailable(reason: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def run(*command: str, where: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=where, capture_output=True, text=True, check=False, timeout=110
    )


def required(*command: str, where: Path) -> str:
    done = run(*command, where=where)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_generated_typescript_client_works(service: Live, document: Path, project: Path) -> None:
    required(
        "npm",
        "exec",
        "--",
        "openapi-typescript",
        str(document),
        "--output",
        "schema.d.ts",
        where=project,
    )
    required("npm", "exec", "--", "tsc", where=project)
    said = required("node", "built/program.js", service.base, *ADMIN, where=project)
    assert said.splitlines() == [
        "registered: kite",
        "kite disabled: true",
        "refused: 404 not_found",
        "logged out: 204; then 401",
    ]
