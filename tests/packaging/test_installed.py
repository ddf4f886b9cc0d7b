"""The wheel and the sdist, installed without the source tree, work on every Python and both
databases."""

from __future__ import annotations

from pathlib import Path

import pytest

from support import live
from support.accounts import ADMIN
from support.packaging.artefacts import Artefacts, install, run
from support.packaging.interpreters import VERSIONS, required_python

pytestmark = pytest.mark.timeout(300)
KINDS = [*((version, "wheel") for version in VERSIONS), (VERSIONS[0], "sdist")]


@pytest.fixture(scope="module", params=KINDS, ids=[" ".join(kind) for kind in KINDS])
def installed(
    request: pytest.FixtureRequest, artefacts: Artefacts, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The directory of the commands of an environment that holds the artefact and what it depends
    on."""
    version, kind = request.param
    python = required_python(version)
    folder = tmp_path_factory.mktemp("installed")
    return install(python, getattr(artefacts, kind), folder, extras="[postgresql,tls,imports]")


@pytest.fixture
def command(installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The installed `identity` in place of the checkout's, in an empty directory."""
    monkeypatch.setattr(live, "COMMAND", str(installed / "identity"))
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)
    return installed / "identity"


def test_the_code_is_the_installed_one(command: Path, tmp_path: Path) -> None:
    imported = run(
        command.parent / "python", "-c", "import identity; print(identity.__file__)", cwd=tmp_path
    )
    assert Path(imported.strip()).is_relative_to(command.parents[1])


def test_it_prints_its_version(command: Path, artefacts: Artefacts, tmp_path: Path) -> None:
    assert run(command, "--version", cwd=tmp_path).split()[:2] == [
        "identity",
        artefacts.wheel.name.split("-")[1],
    ]


def test_it_migrates_serves_and_logs_in(
    command: Path, empty_database_url: str, tmp_path: Path
) -> None:
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    with live.serving(data_dir, "--workers", "1", database_url=empty_database_url) as running:
        token = running.curl("/api/token", "-u", ":".join(ADMIN)).json()["token"]
        assert running.curl("/api/resource", "-u", f"{token}:x").status == 200
        assert running.curl("/api/resource", "-u", f"{ADMIN[0]}:wrong").status == 401
        assert running.curl("/openapi.json").status == 200
        assert running.curl("/docs/").status == 200
    assert list(Path.cwd().iterdir()) == []


@pytest.mark.usefixtures("command")
def test_a_first_start_in_an_empty_directory_says_in_one_line_what_is_missing(
    tmp_path: Path,
) -> None:
    variables = live.environment(tmp_path, {})
    del variables["IDENTITY_DATA_DIR"]
    ran = live.identity(variables, "serve")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.count("\n") == 1
    assert "`identity migrate`" in ran.stderr
    assert live.identity(variables, "migrate").returncode == 0
    assert [each.name for each in Path.cwd().iterdir()] == ["instance"]
    assert live.identity(variables, "check").returncode == 0


@pytest.fixture(scope="module")
def bare(artefacts: Artefacts, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of the commands of an environment without any extra."""
    return install(required_python(VERSIONS[0]), artefacts.wheel, tmp_path_factory.mktemp("bare"))


MISSING = {
    "postgresql": (
        "migrate",
        {"IDENTITY_DATABASE_URL": "postgresql://u:canary@127.0.0.1:1/identity"},
    ),
    "tls": ("serve --tls", {}),
}


@pytest.mark.parametrize("extra", MISSING)
def test_a_missing_extra_is_named_in_one_line(
    bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, extra: str
) -> None:
    monkeypatch.setattr(live, "COMMAND", str(bare / "identity"))
    arguments, settings = MISSING[extra]
    assert live.identity(live.environment(tmp_path / "data", {}), "migrate").returncode == 0
    ran = live.identity(live.environment(tmp_path / "data", settings), *arguments.split())
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.count("\n") == 1
    assert f"identityd[{extra}]" in ran.stderr
    assert "canary" not in ran.stderr
