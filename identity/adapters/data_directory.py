"""The one directory that holds the service's state, closed to everybody else."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

from identity.domain.values import weak_key

_DIRECTORY_MODE: Final = 0o700
_FILE_MODE: Final = 0o600
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class DataDirectoryError(Exception):
    """The directory or a file in it cannot be used as it is; the text says what to do."""


def open_data_directory(path: Path) -> None:
    """Make sure the directory exists, is private and can be written to.

    Raises:
        DataDirectoryError: it cannot.
    """
    try:
        path.mkdir(mode=_DIRECTORY_MODE, parents=True, exist_ok=True)
        if path.stat().st_mode & _OTHERS:
            path.chmod(_DIRECTORY_MODE)
        probe = path / f".probe-{os.getpid()}-{secrets.token_hex(4)}"
        _create(probe, b"")
        probe.unlink()
    except OSError as error:
        raise DataDirectoryError(
            f"IDENTITY_DATA_DIR: {path} cannot be used as the data directory: {error.strerror}"
        ) from None


def prepare_file(path: Path) -> None:
    """Make an empty private file unless there is one, so that whoever opens it next cannot make it public."""
    try:
        _create(path, b"")
    except FileExistsError:
        require_private(path)


def secret_keys(path: Path) -> tuple[str, ...]:
    """Return the signing keys kept in `path`, oldest first; make the first one if there is none.

    Processes that start at the same moment agree on one key: whoever links first wins.

    Raises:
        DataDirectoryError: the file is open to others, or holds no key.
    """
    try:
        if not path.exists():
            _link(path, f"{secrets.token_hex(32)}\n".encode())
        require_private(path)
        keys = tuple(path.read_text("ascii", "replace").split())
    except OSError as error:
        raise DataDirectoryError(f"{path} cannot be read: {error.strerror}") from None
    if not keys or any(map(weak_key, keys)):
        raise DataDirectoryError(f"{path} holds no key, or a weak one: delete it to get a new one, or restore it")
    return keys


def key_files(folder: Path, make: Callable[[], bytes]) -> tuple[bytes, ...]:
    """Return the contents of the `*.pem` files in `folder`, in the order of their names; make the first one.

    Raises:
        DataDirectoryError: a file is open to others.
    """
    folder.mkdir(mode=_DIRECTORY_MODE, exist_ok=True)
    if not any(folder.glob("*.pem")):
        _link(folder / "0001.pem", make())
    files = sorted(folder.glob("*.pem"))
    for file in files:
        require_private(file)
    return tuple(file.read_bytes() for file in files)


def _link(path: Path, content: bytes) -> None:
    # A file is there whole or not at all; of several processes that make it, the first one wins.
    draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    _create(draft, content)
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def require_private(path: Path) -> None:
    """Make sure only the service's own user can read a file.

    Raises:
        DataDirectoryError: others can.
    """
    if path.stat().st_mode & _OTHERS:
        raise DataDirectoryError(f"{path} can be read by others: run `chmod 600 {path}`")


def _create(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE_MODE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
