"""Log lines are one JSON object each, for any text, and never contain the text of an exception."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity.adapters.logs import JsonFormatter, log_to_stderr


def line(message: str, *args: object, error: BaseException | None = None, **fields: object) -> str:
    exc_info = (type(error), error, error.__traceback__) if error else None
    record = logging.LogRecord("identity.test", logging.WARNING, "x.py", 1, message, args, exc_info)
    if fields:
        record.fields = fields
    return JsonFormatter().format(record)


def read(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text)
    return found


def raised(secret: str) -> Exception:
    def deep(password: str) -> None:
        held = {"password": password}
        raise ValueError(f"cannot use {held}")

    try:
        try:
            deep(secret)
        except ValueError as cause:
            raise RuntimeError(f"{secret} again") from cause
    except RuntimeError as error:
        return error
    raise AssertionError


def test_line_says_when_where_and_what() -> None:
    found = read(line("hello %s", "world", status=200))
    assert found.pop("at").endswith("+00:00")
    assert found == {
        "level": "warning",
        "logger": "identity.test",
        "message": "hello world",
        "status": 200,
    }


@pytest.mark.parametrize(
    "text",
    [
        "bob\n2026 INFO login ok for admin",
        "bob\r\n\r\n",
        "\x1b[31mred\x1b[0m \x07 \x08",
        "\u2028 \u2029 \x85 \x0b \x0c \x1c",
        '"} {"level": "info"',
        "\0",
        "half a pair \ud800",
        "\u202egnol",
    ],
)
def test_line_is_one_line_of_plain_ascii_for_every_text(text: str) -> None:
    for made in (line("%s", text), line(text.replace("%", "%%")), line("x", path=text)):
        assert made.splitlines() == [made]
        assert made.isascii()
        assert made.isprintable()
    assert read(line("%s", text))["message"] == text


@given(st.text(), st.text())
def test_line_is_one_json_object_for_every_text(message: str, field: str) -> None:
    made = line("%s", message, path=field)
    assert made.isprintable()
    assert read(made)["path"] == field


def test_message_is_cut_when_it_is_very_long() -> None:
    assert len(line("%s", "x" * 2**20)) < 3000


def test_line_names_an_error_and_where_it_was_but_none_of_its_words() -> None:
    made = line("it broke", error=raised("canary"))
    found = read(made)
    assert found["exception"] == "RuntimeError"
    assert all("test_logs.py" in frame for frame in found["where"])
    assert "canary" not in made
    assert "cannot use" not in made


def test_line_has_only_the_last_frames_of_a_deep_error() -> None:
    def fall(depth: int) -> None:
        if depth:
            fall(depth - 1)
        raise ValueError("canary")

    with pytest.raises(ValueError, match="canary") as caught:
        fall(100)
    found = read(line("it broke", error=caught.value))
    assert len(found["where"]) == 12


def test_exception_of_a_logger_keeps_its_words_to_itself(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logger = logging.getLogger("identity.test")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logger.addHandler(handler)
    try:
        try:
            raise raised("canary")
        except RuntimeError:
            logger.exception("a credential could not be checked")
    finally:
        logger.removeHandler(handler)
    printed = capsys.readouterr().err
    assert "RuntimeError" in printed
    assert "canary" not in printed


def test_values_json_does_not_know_are_shown_as_text() -> None:
    assert read(line("x", when=complex(1, 2)))["when"] == "(1+2j)"


def test_logging_begins_once_per_process(monkeypatch: pytest.MonkeyPatch) -> None:
    logger = logging.getLogger("identity")
    monkeypatch.setattr(logger, "handlers", [])
    log_to_stderr()
    log_to_stderr()
    assert len([each for each in logger.handlers if isinstance(each.formatter, JsonFormatter)]) == 1
    assert not logger.propagate
