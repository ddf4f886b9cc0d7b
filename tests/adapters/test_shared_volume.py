"""Volumes that a platform mounts with group permissions, such as `fsGroup` of Kubernetes."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from identity.adapters.data_directory import (
    DataDirectoryError,
    key_files,
    open_data_directory,
    prepare_file,
    require_private,
)
from identity.adapters.keys.secret_keys import SecretKeyFile

USER, GROUP, OTHER_USER, OTHER_GROUP = 10001, 10002, 10003, 10004
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def volume() -> Iterator[Path]:
    """A directory whose parents every user may enter."""
    if os.geteuid() != 0:
        if os.environ.get("CI") == "true":
            pytest.fail("only root can be another user")
        pytest.skip("only root can be another user")
    parent = Path(tempfile.mkdtemp(dir="/tmp"))
    warm = parent / "warm"
    warm.mkdir()
    use(warm)  # what is imported late lies where the service's user may not read
    shutil.rmtree(warm)
    parent.chmod(0o755)
    (parent / "volume").mkdir()
    yield parent / "volume"
    shutil.rmtree(parent)


@contextmanager
def as_service() -> Iterator[None]:
    """Be the service's user, who has GROUP beside its own group, as a container with `fsGroup`
    has."""
    groups = os.getgroups()
    os.setgroups([GROUP])
    os.setegid(USER)
    os.seteuid(USER)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)


def make(path: Path, mode: int, *, owner: int = 0, group: int = GROUP) -> None:
    os.chown(path, owner, group)
    path.chmod(mode)


def use(volume: Path) -> None:
    open_data_directory(volume)
    prepare_file(volume / "identity.sqlite3")
    SecretKeyFile(volume / "secret_keys").create_first(NOW)
    SecretKeyFile(volume / "secret_keys").load_keys()
    key_files(volume / "ca", lambda: b"a key")


def start(volume: Path) -> None:
    with as_service():
        use(volume)


def mount_again(volume: Path) -> None:
    """Do what the kubelet does for `fsGroup` before each start."""
    for path in [volume, *volume.rglob("*")]:
        os.chown(path, -1, GROUP)
        added = 0o2770 if path.is_dir() else 0o660
        path.chmod(stat.S_IMODE(path.stat().st_mode) | added)


@pytest.mark.parametrize("mode", [0o2775, 0o2770, 0o770, 0o775, 0o2771])
@pytest.mark.parametrize("held", [[], ["lost+found"]], ids=["empty", "of a new disk"])
def test_a_volume_of_root_with_bits_for_our_group_is_used_at_every_start(
    volume: Path, mode: int, held: list[str]
) -> None:
    for name in held:
        (volume / name).mkdir(mode=0o700)
    make(volume, mode)
    start(volume)
    assert stat.S_IMODE(volume.stat().st_mode) == mode
    for name in ("identity.sqlite3", "secret_keys", "ca/0001.pem"):
        assert stat.S_IMODE((volume / name).stat().st_mode) == 0o600
    for _ in range(2):
        mount_again(volume)
        assert stat.S_IMODE((volume / "secret_keys").stat().st_mode) == 0o660
        start(volume)


@pytest.mark.parametrize("mode", [0o777, 0o2777, 0o1777, 0o772])
@pytest.mark.parametrize("held", [[], ["file"]])
def test_a_volume_that_the_world_can_write_to_is_refused(
    volume: Path, mode: int, held: list[str]
) -> None:
    for name in held:
        (volume / name).touch()
    make(volume, mode)
    with as_service(), pytest.raises(DataDirectoryError, match="open to other users"):
        open_data_directory(volume)
    assert stat.S_IMODE(volume.stat().st_mode) == mode


def test_a_volume_with_bits_for_another_group_is_refused(volume: Path) -> None:
    make(volume, 0o2775, group=OTHER_GROUP)
    with as_service(), pytest.raises(DataDirectoryError):
        open_data_directory(volume)


def test_a_volume_of_another_user_is_refused(volume: Path) -> None:
    make(volume, 0o2770, owner=OTHER_USER)
    with as_service(), pytest.raises(DataDirectoryError, match="another user"):
        open_data_directory(volume)


@pytest.mark.parametrize("mode", [0o770, 0o2750])
def test_a_directory_of_ours_that_is_used_may_be_open_to_our_group(volume: Path, mode: int) -> None:
    (volume / "identity.sqlite3").touch()
    make(volume, mode, owner=USER)
    with as_service():
        open_data_directory(volume)
    assert stat.S_IMODE(volume.stat().st_mode) == mode


@pytest.mark.parametrize("mode", [0o775, 0o755, 0o771])
def test_a_directory_of_ours_that_is_open_to_the_world_is_refused(volume: Path, mode: int) -> None:
    (volume / "identity.sqlite3").touch()
    make(volume, mode, owner=USER)
    with as_service(), pytest.raises(DataDirectoryError, match="chmod 700"):
        open_data_directory(volume)


@pytest.mark.parametrize(
    ("mode", "owner", "group", "taken"),
    [
        (0o660, USER, GROUP, True),
        (0o440, 0, GROUP, True),
        (0o640, USER, USER, True),
        (0o600, USER, OTHER_GROUP, True),
        (0o640, USER, OTHER_GROUP, False),
        (0o664, USER, GROUP, False),
        (0o444, 0, GROUP, False),
        (0o662, USER, GROUP, False),
        (0o660, OTHER_USER, GROUP, False),
        (0o600, OTHER_USER, GROUP, False),
    ],
)
def test_a_file_may_be_open_to_a_group_of_ours_and_to_no_other_user(
    volume: Path, mode: int, owner: int, group: int, *, taken: bool
) -> None:
    volume.chmod(0o755)
    file = volume / "file"
    file.touch()
    make(file, mode, owner=owner, group=group)
    with as_service():
        if taken:
            require_private(file)
            return
        with pytest.raises(DataDirectoryError, match=r"chmod 600|another user"):
            require_private(file)
