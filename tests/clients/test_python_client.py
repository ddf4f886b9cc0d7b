"""A Python client, generated from the document of a running service, logs in, lists, disables,
shows a refusal."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from identity.dialects import DIALECTS
from support.accounts import ADMIN
from support.live import Live

HERE = Path(__file__).parent
TOOLS = Path(sys.executable).parent


def run(*command: str | Path, where: Path) -> str:
    variables = os.environ | {"PYTHONPATH": str(where), "PATH": f"{TOOLS}:{os.environ['PATH']}"}
    done = subprocess.run(
        command, cwd=where, env=variables, capture_output=True, text=True, check=False, timeout=100
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def generate(document: Path, where: Path) -> None:
    command = (TOOLS / "openapi-python-client", "generate", "--meta", "none", "--fail-on-warning")
    options = (
        "--config",
        HERE / "python-client.yaml",
        "--path",
        document,
        "--output-path",
        "identity_client",
    )
    run(*command, *options, where=where)


def test_a_generated_python_client_works(service: Live, document: Path, tmp_path: Path) -> None:
    generate(document, tmp_path)
    program = HERE / "program.py"
    run(
        TOOLS / "mypy",
        "--strict",
        "--follow-imports",
        "silent",
        "--cache-dir",
        tmp_path / "mypy",
        program,
        where=tmp_path,
    )
    said = run(sys.executable, program, service.base, *ADMIN, where=tmp_path)
    hawk, refused, logged_out = said.splitlines()
    assert hawk.startswith("hawk disabled: True; 20")
    assert refused == "refused: 409 username_taken, 404 not_found"
    assert logged_out.startswith("logged out: 204; then 401 Unauthorized")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_generated_python_client_of_a_dialect_can_be_imported(
    service: Live, tmp_path: Path, dialect: str
) -> None:
    (tmp_path / "openapi.json").write_text(service.curl(f"/{dialect}/openapi.json").body, "utf-8")
    generate(tmp_path / "openapi.json", tmp_path)
    calls = sorted((tmp_path / "identity_client" / "api" / dialect).glob("[a-z]*.py"))
    assert len(calls) > 2
    imported = "; ".join(f"import identity_client.api.{dialect}.{call.stem}" for call in calls)
    run(sys.executable, "-c", imported, where=tmp_path)
