"""Dependencies are pinned by hash, and none has a known vulnerability."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
# The first versions without a flaw that would matter here.
LEAST = {
    "flask": (3, 1, 3),
    "flask-httpauth": (4, 8, 1),  # CVE-2026-34531: an empty token reached the verifier
    "gunicorn": (22,),  # CVE-2024-1135: requests could be smuggled
    "itsdangerous": (2, 2),
    "werkzeug": (3, 1, 6),
}


def entries(lock: Path) -> dict[str, str]:
    """Return each locked package and what stands behind its name, hashes included."""
    text = re.sub(r"^\s*#.*\n", "", lock.read_text("utf-8"), flags=re.MULTILINE).replace(
        "\\\n", " "
    )
    return {
        re.split(r"[=\s;\[]", line, maxsplit=1)[0]: line
        for line in text.splitlines()
        if line.strip()
    }


def version(line: str) -> tuple[int, ...]:
    found = re.search(r"==([0-9.]+)", line)
    assert found, line
    return tuple(map(int, found[1].strip(".").split(".")))


def test_there_are_lock_files() -> None:
    assert [lock.name for lock in LOCKS] == ["packaging.txt", "run.txt", "test.txt"]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_package_is_locked_to_one_version_and_its_hashes(lock: Path) -> None:
    found = entries(lock)
    assert len(found) > 20
    wrong = [
        name
        for name, line in found.items()
        if not re.search(r"==\S+.*--hash=sha256:[0-9a-f]{64}", line)
    ]
    assert wrong == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
@pytest.mark.parametrize("name", LEAST)
def test_no_package_is_older_than_its_last_known_hole(lock: Path, name: str) -> None:
    assert version(entries(lock)[name]) >= LEAST[name]


def test_everything_is_installed_by_hash_and_nothing_else_is() -> None:
    installs = re.findall(r"pip install .*", (ROOT / "Makefile").read_text("utf-8"))
    assert len(installs) == 6
    assert all("--require-hashes" in line or "--no-deps" in line for line in installs)


def test_what_tests_run_with_is_what_the_service_runs_with() -> None:
    run, test = (entries(ROOT / "requirements" / name) for name in ("run.txt", "test.txt"))
    assert {name: version(line) for name, line in run.items()}.items() <= {
        name: version(line) for name, line in test.items()
    }.items()
