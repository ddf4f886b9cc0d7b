"""The data directory: private, writable, and with one key however many processes start at once."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from threading import Barrier

import pytest

from identity.adapters.data_directory import DataDirectoryError, open_data_directory, prepare_file
from identity.adapters.keys.secret_keys import SecretKeyFile

PROCESS = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from identity.adapters.keys.secret_keys import SecretKeyFile
print("ready", flush=True)
for place in sys.stdin.read().split():
    file = SecretKeyFile(Path(place) / "secret_keys")
    file.create_first(datetime.now(UTC))
    print(*(key.secret for key in file.load_keys()))
"""


def secret_keys(path: Path) -> tuple[str, ...]:
    file = SecretKeyFile(path)
    file.create_first(datetime(2026, 1, 1, tzinfo=UTC))
    return tuple(key.secret for key in file.load_keys())


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(params=[0o000, 0o022, 0o077])
def _umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


@pytest.mark.usefixtures("_umask")
def test_directory_and_files_are_closed_to_others_under_every_umask(tmp_path: Path) -> None:
    place = tmp_path / "one" / "two"
    open_data_directory(place)
    prepare_file(place / "database")
    secret_keys(place / "secret_keys")
    assert mode(place) == 0o700
    assert mode(place / "database") == mode(place / "secret_keys") == 0o600
    assert sorted(each.name for each in place.iterdir()) == ["database", "secret_keys"]


@pytest.mark.parametrize("open_mode", [0o755, 0o750, 0o701, 0o777])
def test_open_directory_is_closed_when_the_service_starts(tmp_path: Path, open_mode: int) -> None:
    tmp_path.chmod(open_mode)
    open_data_directory(tmp_path)
    assert mode(tmp_path) == 0o700


@pytest.mark.parametrize("open_mode", [0o755, 0o705, 0o701, 0o1777])
def test_open_directory_is_left_alone_when_it_holds_something_already(
    tmp_path: Path, open_mode: int
) -> None:
    (tmp_path / "of another program").touch()
    tmp_path.chmod(open_mode)
    with pytest.raises(DataDirectoryError, match="chmod 700") as refusal:
        open_data_directory(tmp_path)
    assert str(refusal.value).startswith(f"IDENTITY_DATA_DIR: {tmp_path} ")
    assert (mode(tmp_path), [each.name for each in tmp_path.iterdir()]) == (
        open_mode,
        ["of another program"],
    )


def test_a_closed_directory_is_used_with_any_content(tmp_path: Path) -> None:
    (tmp_path / "secret_keys").touch()
    open_data_directory(tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == ["secret_keys"]


@pytest.mark.parametrize("open_mode", [0o644, 0o604, 0o602, 0o601, 0o666, 0o664])
@pytest.mark.parametrize("use", [secret_keys, prepare_file])
def test_file_is_refused_when_others_could_read_or_write_it(
    tmp_path: Path, use: object, open_mode: int
) -> None:
    path = tmp_path / "secret_keys"
    path.write_text("c" * 30 + "anary1\n")
    path.chmod(open_mode)
    with pytest.raises(DataDirectoryError, match="chmod 600") as refusal:
        use(path)  # type: ignore[operator]
    assert str(path) in str(refusal.value)
    assert "canary" not in str(refusal.value)


def test_a_directory_is_no_file_to_close(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with pytest.raises(DataDirectoryError, match="is not a file") as refusal:
        prepare_file(tmp_path)
    assert "chmod" not in str(refusal.value)  # it would lock every process out


def test_existing_database_file_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "database"
    prepare_file(path)
    path.write_bytes(b"rows")
    prepare_file(path)
    assert path.read_bytes() == b"rows"


@pytest.mark.parametrize(
    "place",
    ["file/data", "file", "/proc/identity-data", "/dev/null"],
    ids=["under a file", "a file", "in a file system of the kernel", "a device"],
)
def test_directory_is_refused_when_it_cannot_be_used(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").touch(mode=0o600)
    with pytest.raises(DataDirectoryError) as refusal:
        open_data_directory(tmp_path / place)
    text = str(refusal.value)
    assert text.startswith("IDENTITY_DATA_DIR: ")
    assert str(tmp_path / place) in text
    assert "\n" not in text
    assert refusal.value.__cause__ is None


def test_keys_are_made_once_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "secret_keys"
    keys = secret_keys(path)
    assert [len(key) for key in keys] == [64]
    assert secret_keys(path) == keys
    newer = "0123456789abcdef" * 2
    path.write_text(f"{keys[0]}\n{newer}\n")
    assert secret_keys(path) == (keys[0], newer)


def test_two_directories_get_two_keys(tmp_path: Path) -> None:
    assert secret_keys(tmp_path / "one") != secret_keys(tmp_path / "other")


@pytest.mark.parametrize(
    "content",
    [b"", b"\n \n", b"x\n", b"short-key\n", b"a" * 64 + b"\n", b"\xff\xfe\x00key\n"],
    ids=["empty", "blank", "one letter", "short", "one letter many times", "no text"],
)
def test_key_file_is_refused_when_its_keys_would_not_be_taken_from_the_setting(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "secret_keys"
    prepare_file(path)
    path.write_bytes(content)
    with pytest.raises(DataDirectoryError, match="secret_keys"):
        secret_keys(path)


def test_threads_that_start_at_once_agree_on_one_key(tmp_path: Path) -> None:
    barrier = Barrier(8)

    def start(path: Path) -> tuple[str, ...]:
        barrier.wait(60)
        return secret_keys(path)

    for number in range(10):
        path = tmp_path / str(number)
        with ThreadPoolExecutor(8) as pool:
            assert len(set(pool.map(start, [path] * 8))) == 1
    assert len(list(tmp_path.iterdir())) == 10


def test_processes_that_start_at_once_agree_on_one_key(tmp_path: Path) -> None:
    places = [tmp_path / str(number) for number in range(30)]
    for place in places:
        place.mkdir()
    command = [sys.executable, "-c", PROCESS]
    started = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in started:
        assert process.stdin is not None
        process.stdin.write("\n".join(map(str, places)))
        process.stdin.close()
    said = [process.stdout.read().split() for process in started if process.stdout]
    assert [process.wait(60) for process in started] == [0, 0]
    for process in started:
        process.stdout.close()
    assert said[0] == said[1]
    assert len(set(said[0])) == len(places)
    assert {each.name for place in places for each in place.iterdir()} == {"secret_keys"}
