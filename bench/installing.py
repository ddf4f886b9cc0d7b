"""Peers' packages, each set in an environment of its own under .bench/, made on demand and kept."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

from catalogue import Peer
from knobs import note

_CACHE: Final = Path(__file__).parent.parent / ".bench"
_READY: Final = ".installed"


class InstallError(RuntimeError):
    """A peer's packages cannot be had."""


def installed(peer: Peer) -> Path:
    """Return the folder with a peer's environment, made if it is not there or has other packages.

    Raises:
        InstallError: it could not be made; the text is the installer's last word.
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
        subprocess.run(command, check=True, cwd=folder, capture_output=True, text=True)  # noqa: S603 - our own words
    except FileNotFoundError:
        raise InstallError(f"there is no {command[0]}") from None
    except subprocess.CalledProcessError as error:
        words = (error.stderr or error.stdout).strip().splitlines() or ["it failed"]
        raise InstallError(f"{Path(command[0]).name}: {words[-1]}") from None
