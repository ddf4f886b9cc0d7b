"""The Pythons that a release is proven on, wherever they are on this machine."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

VERSIONS = ("3.11", "3.12", "3.13")
_PYENV = Path.home() / ".pyenv" / "versions"


def required_python(version: str) -> str:
    """Return the path of an interpreter; without it the test is skipped, and fails in CI."""
    if found := _find(version):
        return found
    reason = f"no Python {version} on the PATH or in {_PYENV}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def _find(version: str) -> str | None:
    # pyenv's own commands on the PATH answer for versions that are not switched on.
    installed = sorted(_PYENV.glob(f"{version}.*/bin/python{version}"))
    if installed:
        return str(installed[-1])
    return shutil.which(f"python{version}")
