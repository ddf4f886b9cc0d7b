"""`IDENTITY_…_FILE`: each secret setting, and no other, can be in a file."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from identity.settings import Settings, described
from identity.settings.readers import SettingError

KEY = "0123456789abcdef" * 2
VALUES = {
    "IDENTITY_DATABASE_URL": "postgresql+psycopg://u:p@host/name",
    "IDENTITY_SECRET_KEYS": KEY,
    "IDENTITY_ADMIN_PASSWORD": " with spaces ",
    "IDENTITY_SMTP_URL": "smtp://user:pass@mail.example.org",
    "IDENTITY_PROXY_SECRET": KEY,
    "IDENTITY_METRICS_TOKEN": KEY,
}
SECRET = [one.name for one in described() if one.secret]
OTHERS = [one.name for one in described() if not one.secret]


def load(**settings: str) -> Settings:
    return Settings.load(settings)


def refusal(**settings: str) -> str:
    with pytest.raises(SettingError) as refused:
        load(**settings)
    text = str(refused.value)
    assert "\n" not in text
    assert "canary" not in text
    assert refused.value.__cause__ is None
    return text


@pytest.mark.parametrize("name", SECRET)
@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_each_secret_is_read_from_a_file_without_the_newline_at_its_end(
    tmp_path: Path, name: str, end: str
) -> None:
    file = tmp_path / "secret"
    file.write_bytes(VALUES[name].encode() + end.encode())
    assert load(**{f"{name}_FILE": str(file)}) == load(**{name: VALUES[name]})
    assert load(**{f"{name}_FILE": str(file)}) != load()


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_no_secret_has_no_file(tmp_path: Path, name: str) -> None:
    assert f"{name}_FILE" in refusal(**{f"{name}_FILE": str(tmp_path / "canary")})


@pytest.mark.parametrize("name", SECRET)
@pytest.mark.parametrize("value", ["canary", ""])
def test_both_at_once_are_refused(tmp_path: Path, name: str, value: str) -> None:
    (tmp_path / "secret").write_text(VALUES[name])
    text = refusal(**{name: value, f"{name}_FILE": str(tmp_path / "secret")})
    assert text.startswith(f"{name} and {name}_FILE: ")


@pytest.mark.parametrize("name", SECRET)
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"canary\ncanary\n",
        b"canary\n\n",
        b"canary\xff",
        b"canary\0",
        b"c" * (64 * 1024 + 1),
    ],
    ids=["empty", "a newline", "two lines", "two newlines", "no text", "NUL", "too large"],
)
def test_a_file_without_one_line_of_text_is_refused(
    tmp_path: Path, name: str, content: bytes
) -> None:
    file = tmp_path / "secret"
    file.write_bytes(content)
    text = refusal(**{f"{name}_FILE": str(file)})
    assert text.startswith(f"{name}_FILE: ")
    assert str(file) in text


@pytest.mark.parametrize("path", ["nowhere", ".", "nowhere/at/all", "", "with\0NUL"])
def test_a_file_that_cannot_be_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert refusal(IDENTITY_SECRET_KEYS_FILE=path).startswith("IDENTITY_SECRET_KEYS_FILE: ")


def test_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    done = threading.Thread(
        target=refusal, kwargs={"IDENTITY_SECRET_KEYS_FILE": str(tmp_path / "pipe")}, daemon=True
    )
    done.start()
    done.join(60)
    assert not done.is_alive()


def test_a_wrong_value_in_a_file_is_refused_like_one_in_the_setting(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("mysql://u:canary@host/name")
    assert refusal(IDENTITY_DATABASE_URL_FILE=str(tmp_path / "secret")).startswith(
        "IDENTITY_DATABASE_URL"
    )
