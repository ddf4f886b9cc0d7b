"""The files of signing keys: old ones stay usable, changes are atomic, and a crash leaves usable
keys."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from identity.adapters import data_directory
from identity.adapters.data_directory import DataDirectoryError
from identity.adapters.keys.jwt_keys import JwtKeyFolder
from identity.adapters.keys.p256 import new_key
from identity.adapters.keys.secret_keys import SecretKeyFile
from identity.domain.keys import KeyValidity, SigningKey, replaced, rotated

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
END = NOW + timedelta(hours=1)
OLD = ("0123456789abcdef" * 2, "fedcba9876543210" * 2)
Store = SecretKeyFile | JwtKeyFolder
MAKERS: dict[str, Callable[[Path], Store]] = {
    "secret": lambda path: SecretKeyFile(path / "secret_keys"),
    "jwt": lambda path: JwtKeyFolder(path / "jwt_keys"),
}


@pytest.fixture(params=MAKERS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """A store with its first key."""
    made = MAKERS[request.param](tmp_path)
    made.create_first(NOW)
    return made


def secret_file(path: Path, content: str) -> SecretKeyFile:
    (path / "secret_keys").touch(mode=0o600)
    (path / "secret_keys").write_text(content)
    return SecretKeyFile(path / "secret_keys")


def rotate(store: Store, now: datetime = NOW) -> None:
    with store.exclusive():
        life, grace = timedelta(hours=1), timedelta(seconds=60)
        store.write(rotated(store.load_keys(), store.new(), now=now, grace=grace, lifetime=life))


def private_files(folder: Path) -> dict[str, int]:
    return {
        path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*") if path.is_file()
    }


def test_the_first_key_knows_when_it_was_made_and_has_no_limits(store: Store) -> None:
    (key,) = store.load_keys()
    assert key.times == KeyValidity(created=NOW)
    store.create_first(END)
    assert store.load_keys() == (key,)


def test_what_is_written_is_read_again(store: Store) -> None:
    (first,) = store.load_keys()
    keys = (
        replace(first, times=KeyValidity(NOW, None, END)),
        replace(store.new(), times=KeyValidity(NOW, END)),
    )
    store.write(keys)
    assert store.load_keys() == keys
    store.write(replaced(store.new(), NOW))
    assert len(store.load_keys()) == 1
    assert store.load_keys()[0] not in keys


def test_files_of_former_versions_are_read_as_ever(tmp_path: Path) -> None:
    keys = secret_file(tmp_path, "\n".join(OLD)).load_keys()
    assert [key.secret for key in keys] == list(OLD)
    folder = tmp_path / "jwt_keys"
    folder.mkdir()
    for name in ("0001", "0002", "zebra"):
        (folder / f"{name}.pem").touch(mode=0o600)
        (folder / f"{name}.pem").write_bytes(b"Bag Attributes: none\n" + new_key())
    pems = JwtKeyFolder(folder).load_keys()
    assert len(pems) == 3
    assert {key.times for key in keys + pems} == {KeyValidity()}


def test_a_rotation_of_former_files_keeps_their_keys(tmp_path: Path) -> None:
    file = secret_file(tmp_path, "\n".join(OLD))
    rotate(file)
    keys = file.load_keys()
    assert [key.secret for key in keys[:2]] == list(OLD)
    assert [key.times.accepted_until is None for key in keys] == [False, False, True]


@pytest.mark.parametrize(
    ("before", "after"),
    [("0001", "0002"), ("0009", "0010"), ("9999", "9999-1"), ("9999-1", "9999-1-1"), ("z", "z-1")],
)
def test_a_new_pem_file_comes_after_the_others_by_name(
    tmp_path: Path, before: str, after: str
) -> None:
    folder = tmp_path / "jwt_keys"
    folder.mkdir()
    (folder / f"{before}.pem").touch(mode=0o600)
    (folder / f"{before}.pem").write_bytes(new_key())
    store = JwtKeyFolder(folder)
    rotate(store)
    assert sorted(path.stem for path in folder.iterdir()) == sorted([before, after])
    assert [key.times.accepted_until is None for key in store.load_keys()] == [False, True]


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_everything_that_a_rotation_writes_is_private_and_nothing_is_left(
    store: Store, tmp_path: Path, umask: int
) -> None:
    before = os.umask(umask)
    rotate(store)
    os.umask(before)
    found = private_files(tmp_path)
    assert set(found.values()) == {0o600}
    assert found.keys() <= {"keys.lock", "secret_keys", "0001.pem", "0002.pem"}


def test_rotations_at_once_lose_no_key(store: Store) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: rotate(store), range(8)))
    keys = store.load_keys()
    assert len({key.name for key in keys}) == 9
    assert [key.times.accepted_until is None for key in keys] == [False] * 8 + [True]


@pytest.mark.parametrize("step", range(6))
def test_a_crash_in_a_rotation_leaves_keys_that_can_be_used(
    store: Store, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    rotate(store)
    before, steps = store.load_keys(), iter(range(100))

    def crashing(function: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object) -> object:
            if next(steps) == step:
                raise KeyboardInterrupt
            return function(*arguments)

        return call

    for name in ("replace", "link_new", "_create", "_sync"):
        monkeypatch.setattr(data_directory, name, crashing(getattr(data_directory, name)))
    try:
        rotate(store, END)
    except KeyboardInterrupt:
        pass
    else:
        assert step > 2
    monkeypatch.undo()
    found = store.load_keys()
    assert {key.name for key in before} <= {key.name for key in found}
    rotate(store, END)
    assert [key.times.accepted_until is None for key in store.load_keys()].count(True) == 1


def test_what_a_killed_rotation_left_half_written_is_no_key(store: Store, tmp_path: Path) -> None:
    before = store.load_keys()
    for name in ("secret_keys.7.0a1b2c3d", "jwt_keys/0002.pem.7.0a1b2c3d"):
        if (tmp_path / name).parent.exists():
            (tmp_path / name).write_text("half")
    assert store.load_keys() == before
    rotate(store)
    assert len(store.load_keys()) == 2


def test_a_disk_that_is_full_is_one_clear_line(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    before = store.load_keys()
    monkeypatch.setattr(data_directory, "_create", full)
    with pytest.raises(DataDirectoryError, match="No space left on device"):
        store.write(replaced(store.new(), NOW))
    assert store.load_keys() == before


@pytest.mark.parametrize(
    "words",
    [
        "another",
        "signs_from=",
        "signs_from=soon",
        "accepted_untill=2026-01-01T00:00:00Z",
        "created=1",
        "secret=x",
    ],
)
def test_a_line_that_is_not_understood_stops_the_start(tmp_path: Path, words: str) -> None:
    with pytest.raises(DataDirectoryError, match="secret_keys") as refusal:
        secret_file(tmp_path, f"{OLD[0]} {words}\n").load_keys()
    assert OLD[0] not in str(refusal.value)


def test_keys_that_all_end_are_refused(store: Store) -> None:
    store.write([replace(key, times=KeyValidity(accepted_until=END)) for key in store.load_keys()])
    with pytest.raises(DataDirectoryError):
        store.load_keys()


@pytest.mark.parametrize(
    "content", [b"", b"no key", b"\xff", new_key()[:60]], ids=["empty", "text", "binary", "half"]
)
def test_a_pem_file_without_a_key_is_named(tmp_path: Path, content: bytes) -> None:
    store = JwtKeyFolder(tmp_path / "jwt_keys")
    store.create_first(NOW)
    path = tmp_path / "jwt_keys" / "0001.pem"
    path.write_bytes(content)
    with pytest.raises(DataDirectoryError, match=str(path)):
        store.load_keys()


@pytest.mark.parametrize("mode", [0o604, 0o602, 0o666])
def test_a_pem_file_that_others_can_read_is_named(tmp_path: Path, mode: int) -> None:
    store = JwtKeyFolder(tmp_path / "jwt_keys")
    store.create_first(NOW)
    path = tmp_path / "jwt_keys" / "0001.pem"
    path.chmod(mode)
    with pytest.raises(DataDirectoryError, match=f"chmod 600 {path}"):
        store.load_keys()


def test_a_stamp_changes_with_every_change_and_not_else(store: Store) -> None:
    stamps = [store.stamp()]
    assert store.stamp() == stamps[0]
    for _ in range(2):
        rotate(store)
        stamps.append(store.stamp())
    assert len(set(map(str, stamps))) == 3


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_what_root_writes_belongs_to_the_owner_of_the_directory(tmp_path: Path) -> None:
    os.chown(tmp_path, 1234, 1234)
    store = SecretKeyFile(tmp_path / "secret_keys")
    store.create_first(NOW)
    rotate(store)
    folder = JwtKeyFolder(tmp_path / "jwt_keys")
    folder.create_first(NOW)
    rotate(folder)
    assert {path.stat().st_uid for path in tmp_path.rglob("*")} == {1234}
    names = ["0001.pem", "0002.pem", "jwt_keys", "keys.lock", "secret_keys"]
    assert sorted(path.name for path in tmp_path.rglob("*")) == names


def test_names_tell_no_key(store: Store) -> None:
    key: SigningKey = store.load_keys()[0]
    assert len(key.name) == 16
    assert key.name not in key.secret
