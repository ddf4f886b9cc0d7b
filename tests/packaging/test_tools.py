"""`uv tool install` and `pipx install` of the wheel give the command `identity`, as
docs/operations.md says."""

from __future__ import annotations

from pathlib import Path

import pytest

from support import live
from support.accounts import ADMIN
from support.packaging.artefacts import BIN, UV, Artefacts, run
from support.packaging.interpreters import VERSIONS, required_python

pytestmark = pytest.mark.timeout(300)
NEWEST = VERSIONS[-1]


def uv(artefacts: Artefacts, folder: Path) -> None:
    requirement = f"identityd[postgresql] @ {artefacts.wheel.as_uri()}"
    command = [UV, "tool", "install", "--quiet", "--python", required_python(NEWEST), requirement]
    run(
        *command, cwd=folder, UV_TOOL_DIR=str(folder / "tools"), UV_TOOL_BIN_DIR=str(folder / "bin")
    )


def pipx(artefacts: Artefacts, folder: Path) -> None:
    command = [BIN / "pipx", "install", "--quiet", "--python", required_python(NEWEST)]
    where = {
        "PIPX_HOME": str(folder / "tools"),
        "PIPX_BIN_DIR": str(folder / "bin"),
        "PIPX_DEFAULT_BACKEND": "pip",
    }
    run(*command, f"{artefacts.wheel}[postgresql]", cwd=folder, **where)


@pytest.mark.parametrize("install", [uv, pipx])
def test_the_tool_installs_a_command_that_serves(
    artefacts: Artefacts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, install: object
) -> None:
    install(artefacts, tmp_path)  # type: ignore[operator]
    command = tmp_path / "bin" / "identity"
    assert run(command, "--version", cwd=tmp_path).startswith("identity ")
    monkeypatch.setattr(live, "COMMAND", str(command))
    (tmp_path / "data").mkdir()
    with live.serving(tmp_path / "data", "--workers", "1") as running:
        assert running.curl("/api/token", "-u", ":".join(ADMIN)).status == 200


def test_make_install_makes_an_environment_with_every_extra(
    artefacts: Artefacts, tmp_path: Path
) -> None:
    source = artefacts.sdist.parent.parent / "unpacked"
    (checkout,) = source.iterdir()
    prefix = tmp_path / "prefix"
    python = required_python(VERSIONS[0])
    run("make", "install", f"PREFIX={prefix}", f"PYTHON={python}", cwd=checkout)
    assert run(prefix / "bin" / "identity", "--version", cwd=tmp_path).startswith("identity ")
    run(prefix / "bin" / "python", "-c", "import psycopg, gunicorn, bcrypt, identity", cwd=tmp_path)
