"""The one directory that holds the service's state, closed to everybody else."""

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
    """The directory or a file in it cannot be used as it is; the text says what to do."""


class NotAFile(DataDirectoryError):
    """Something else is where a file should be."""


def open_data_directory(path: Path) -> None:
    """Make sure the directory exists, is private and can be written to.

    Raises:
        DataDirectoryError: it cannot, or others may have things in it.
    """
    try:
        path.mkdir(mode=_DIRECTORY_MODE, parents=True, exist_ok=True)
        close(path)
        probe = path / f".probe-{os.getpid()}-{secrets.token_hex(4)}"
        _create(probe, b"")
        probe.unlink()
    except OSError as error:
        raise DataDirectoryError(
            f"IDENTITY_DATA_DIR: {path} cannot be used as the data directory: {error.strerror}"
        ) from None


def close(path: Path) -> None:
    """Close an empty directory of ours to others.

    Raises:
        DataDirectoryError: it is open to others and cannot be closed, or belongs to another; it was left as it is.
    """
    # Others may live in what is open and holds something, such as /tmp: closing it would lock them out.
    # Looked at in this order: what another process of ours has just put there, it put there after closing.
    used = any(path.iterdir())
    found = path.stat()
    if _belongs_to_another(found):
        raise DataDirectoryError(
            f"IDENTITY_DATA_DIR: {path} belongs to another user: name a directory for this alone"
        )
    ours = os.geteuid() in {0, found.st_uid}
    if ours and not used and found.st_mode & _OTHERS:
        path.chmod(_DIRECTORY_MODE)
    elif _opened(found) & (_OTHERS if ours else stat.S_IWOTH | stat.S_IRWXG):
        # A mounted volume belongs to root and shows its names to all; what is in it is closed file by file.
        raise DataDirectoryError(
            f"IDENTITY_DATA_DIR: {path} is open to others{' and not empty' if used else ''}: name a directory for "
            f"this alone, or run `chmod 700 {path}`"
        )


def _belongs_to_another(found: os.stat_result) -> bool:
    return os.geteuid() not in {0, found.st_uid} and found.st_uid != 0


def _opened(found: os.stat_result) -> int:
    """Return the bits that let others in; a group that this process belongs to is no other."""
    ours = found.st_gid in {os.getegid(), *os.getgroups()}
    return found.st_mode & (stat.S_IRWXO if ours else _OTHERS)


def prepare_file(path: Path) -> None:
    """Make an empty private file unless there is one, so that whoever opens it next cannot make it public."""
    try:
        _create(path, b"")
    except FileExistsError:
        require_private(path)


def key_files(folder: Path, make: Callable[[], bytes]) -> tuple[bytes, ...]:
    """Return the contents of the `*.pem` files in `folder`, in the order of their names; make the first one.

    Raises:
        DataDirectoryError: a file is open to others.
    """
    if not folder.exists():
        folder.mkdir(mode=_DIRECTORY_MODE, exist_ok=True)
        _give(folder)
    if not any(folder.glob("*.pem")):
        link_new(folder / "0001.pem", make())
    files = sorted(folder.glob("*.pem"))
    for file in files:
        require_private(file)
    return tuple(file.read_bytes() for file in files)


def link_new(path: Path, content: bytes) -> None:
    """Make a private file, whole or not at all; of several processes that make it, the first one wins."""
    draft = _draft(path, content)
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    _settle(path.parent)


def replace(path: Path, content: bytes) -> None:
    """Give a private file another content: whoever reads it has the old one or the new one, also after a crash."""
    draft = _draft(path, content)
    try:
        draft.replace(path)
    except OSError:
        draft.unlink()
        raise
    _settle(path.parent)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Wait for this lock and hold it; a process that dies gives it back."""
    with suppress(FileExistsError):
        _create(path, b"")
    descriptor = os.open(path, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def require_private(path: Path) -> None:
    """Make sure only the service's own user, and a group that it belongs to, can read a file.

    What is made here has no bits for a group. A volume of Kubernetes adds them (`fsGroup`) when it is mounted again.

    Raises:
        DataDirectoryError: others can, it is another user's, or it is something else.
    """
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise NotAFile(f"{path} is not a file")
    if _belongs_to_another(found):
        raise DataDirectoryError(
            f"{path} belongs to another user: run `chown` as root, or name another file"
        )
    if _opened(found):
        raise DataDirectoryError(f"{path} can be read by others: run `chmod 600 {path}`")


def _create(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE_MODE)
    with os.fdopen(descriptor, "wb") as file:
        _give(path)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _give(path: Path) -> None:
    # What root makes here, the service's own user has to read.
    if os.geteuid() == 0:
        owner = path.parent.stat()
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def _draft(path: Path, content: bytes) -> Path:
    draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    _create(draft, content)
    return draft


def _settle(folder: Path) -> None:
    # A name is in its folder, and the folder is written by itself.
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
