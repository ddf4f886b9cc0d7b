"""Only setup.cfg states the version. Code reads it from the installed distribution; documentation
has a placeholder."""

from __future__ import annotations

import re
import subprocess
from configparser import ConfigParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# The locks name versions of other packages, and the histories name earlier versions of this one.
EXEMPT = re.compile(r"requirements/|.*package-lock\.json$|CHANGELOG\.md$|docs/upgrading\.md$")


def declared() -> str:
    parser = ConfigParser()
    parser.read(ROOT / "setup.cfg", "utf-8")
    return parser["metadata"]["version"]


def tracked() -> list[Path]:
    """Return the files that git tracks or would add, without the exempt ones."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    ran = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    listed = ran.stdout.split("\0")
    paths = [ROOT / path for path in listed if path and not EXEMPT.match(path)]
    return [path for path in paths if path.is_file()]


def test_no_file_but_setup_cfg_states_the_version() -> None:
    stated = re.compile(rf"(?<![\d.]){re.escape(declared())}(?!\.?\d)")
    found = [path.relative_to(ROOT) for path in tracked() if stated.search(path.read_text("utf-8"))]
    assert found == [Path("setup.cfg")]


def test_the_changelog_begins_with_the_version_or_with_an_unreleased_one() -> None:
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    newest = re.fullmatch(r"\[(.+)\] - (unreleased|\d{4}-\d{2}-\d{2})", headings[0])
    assert newest
    assert newest[1] == declared() or newest[2] == "unreleased"
