"""Installs the packages of the peers on demand, each set into its own environment in .bench/."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

from harness.knobs import note
from harness.systems import Peer

_CACHE: Final = Path(__file__).parents[2] / ".bench"
_READY: Final = ".installed"


class InstallError(RuntimeError):
    """The packages of a peer could not be installed."""


def installed(peer: Peer) -> Path:
    """Return the folder of a peer's environment.

    The environment is created if it is missing or has other packages.

    Raises:
        InstallError: the installation failed; the text is the last line of the installer's output.
    """
    folder = _CACHE / peer.environment
    ready, wanted = folder / _READY, "\n".join(peer.packages)
    if not ready.exists() or ready.read_text() != wanted:
        note(f"installing {', '.join(peer.packages)} into {folder.relative_to(_CACHE.parent)}")
        folder.mkdir(parents=True, exist_ok=True)
        for command in _commands(peer, folder):
            _run(command, folder)
        ready.write_text(wanted)
    return folder


def _commands(peer: Peer, folder: Path) -> list[list[str]]:
    if peer.environment == "node":
        return [
            ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(folder), *peer.packages]
        ]
    pip = [
        str(folder / "bin" / "python"),
        "-m",
        "pip",
        "install",
        "-q",
        "--disable-pip-version-check",
    ]
    return [[sys.executable, "-m", "venv", str(folder)], [*pip, *peer.packages]]


def _run(command: list[str], folder: Path) -> None:
    try:
        subprocess.run(command, check=True, cwd=folder, capture_output=True, text=True)  # noqa: S603 - a fixed command
    except FileNotFoundError:
        raise InstallError(f"there is no {command[0]}") from None
    except subprocess.CalledProcessError as error:
        words = (error.stderr or error.stdout).strip().splitlines() or ["it failed"]
        raise InstallError(f"{Path(command[0]).name}: {words[-1]}") from None
