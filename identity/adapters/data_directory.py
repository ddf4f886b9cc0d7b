"""The directory with the service's state, which other users of the machine cannot open."""

from __future__ import annotations

import fcntl
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

_DIRECTORY_MODE: Final = 0o700
_FILE_MODE: Final = 0o600
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class DataDirectoryError(Exception):
    """The directory or a file in it cannot be used; the text says what to do."""


class NotAFile(DataDirectoryError):
    """The path exists but is not a regular file."""


def open_data_directory(path: Path) -> None:
    """Make sure that the directory exists, is private and is writable.

    Raises:
        DataDirectoryError: it is not, or other users may have files in it.
    """
    try:
        path.mkdir(mode=_DIRECTORY_MODE, parents=True, exist_ok=True)
        make_private(path)
        probe = path / f".probe-{os.getpid()}-{secrets.token_hex(4)}"
        _create(probe, b"")
        probe.unlink()
    except OSError as error:
        raise DataDirectoryError(
            f"IDENTITY_DATA_DIR: {path} cannot be used as the data directory: {error.strerror}"
        ) from None


def make_private(path: Path) -> None:
    """Deny other users access to an empty directory.

    Raises:
        DataDirectoryError: it has another owner, or is open to other users and not empty; nothing
            was changed.
    """
    # Other users may need a shared directory such as /tmp, so one with files in it is not changed.
    # The files are listed before the mode is read: another process of this service that started at
    # the same time makes the directory private before it creates files.
    used = any(path.iterdir())
    found = path.stat()
    if _has_foreign_owner(found):
        raise DataDirectoryError(
            f"IDENTITY_DATA_DIR: {path} belongs to another user: use a separate directory"
        )
    owned = os.geteuid() in {0, found.st_uid}
    if owned and not used and found.st_mode & _OTHERS:
        path.chmod(_DIRECTORY_MODE)
        return
    # A mounted volume may belong to root and be listable by all; its files are private one by one.
    forbidden = _OTHERS if owned else stat.S_IWOTH | stat.S_IRWXG
    if _open_bits(found) & forbidden:
        state = "open to other users and not empty" if used else "open to other users"
        raise DataDirectoryError(
            f"IDENTITY_DATA_DIR: {path} is {state}: use a separate directory, "
            f"or run `chmod 700 {path}`"
        )


def _has_foreign_owner(found: os.stat_result) -> bool:
    return os.geteuid() not in {0, found.st_uid} and found.st_uid != 0


def _open_bits(found: os.stat_result) -> int:
    # The group's bits do not matter if this process is in the group.
    member = found.st_gid in {os.getegid(), *os.getgroups()}
    return found.st_mode & (stat.S_IRWXO if member else _OTHERS)


def prepare_file(path: Path) -> None:
    """Create an empty private file unless it exists, so that a library cannot create it readable.

    Raises:
        DataDirectoryError: it exists and other users can read it.
    """
    try:
        _create(path, b"")
    except FileExistsError:
        require_private(path)


def key_files(folder: Path, make: Callable[[], bytes]) -> tuple[bytes, ...]:
    """Return the contents of the `*.pem` files in `folder`, sorted by name.

    If there is none, the first one is created from `make`.

    Raises:
        DataDirectoryError: other users can read a file.
    """
    if not folder.exists():
        folder.mkdir(mode=_DIRECTORY_MODE, exist_ok=True)
        _adopt_owner(folder)
    if not any(folder.glob("*.pem")):
        link_new(folder / "0001.pem", make())
    files = sorted(folder.glob("*.pem"))
    for file in files:
        require_private(file)
    return tuple(file.read_bytes() for file in files)


def link_new(path: Path, content: bytes) -> None:
    """Create a private file atomically; if several processes do so, the first one wins."""
    draft = _draft(path, content)
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    _sync(path.parent)


def replace(path: Path, content: bytes) -> None:
    """Replace the content of a private file atomically, even if the machine crashes."""
    draft = _draft(path, content)
    try:
        draft.replace(path)
    except OSError:
        draft.unlink()
        raise
    _sync(path.parent)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Wait for this lock and hold it; the system releases it if the process dies."""
    with suppress(FileExistsError):
        _create(path, b"")
    descriptor = os.open(path, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def require_private(path: Path) -> None:
    """Make sure that only the service's user and groups can read a file.

    Files are created without permissions for the group, but Kubernetes adds them when it mounts a
    volume again (`fsGroup`).

    Raises:
        DataDirectoryError: other users can read it, it has another owner, or it is not a file.
    """
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise NotAFile(f"{path} is not a file")
    if _has_foreign_owner(found):
        raise DataDirectoryError(
            f"{path} belongs to another user: run `chown` as root, or use another file"
        )
    if _open_bits(found):
        raise DataDirectoryError(f"{path} is readable by other users: run `chmod 600 {path}`")


def _create(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE_MODE)
    with os.fdopen(descriptor, "wb") as file:
        _adopt_owner(path)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _adopt_owner(path: Path) -> None:
    # The service's user must be able to read what root creates in its directory.
    if os.geteuid() == 0:
        owner = path.parent.stat()
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def _draft(path: Path, content: bytes) -> Path:
    draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    _create(draft, content)
    return draft


def _sync(folder: Path) -> None:
    # A file's name is part of its directory, which has to be synchronised separately.
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
