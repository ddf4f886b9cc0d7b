"""Parses a body: one JSON object, or the fields of a form.

RFC 8259 leaves duplicate names, depth and huge numbers to the implementation; they are refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final, NoReturn
from urllib.parse import parse_qsl

from identity.web.problems import MalformedBody

MAX_DEPTH: Final = 16
MAX_FORM_FIELDS: Final = 64

# Possessive, and also matches an unterminated string, so that any text takes one pass.
_STRINGS: Final = re.compile(r'"(?:[^"\\]+|\\.)*+"?', re.DOTALL)
_BROKEN_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_NOT_A_BRACKET: Final = re.compile(r"[^\[\]{}]+")


def parse_json_object(text: str) -> dict[str, Any]:
    """Return the one object in `text`.

    Raises:
        MalformedBody: not a JSON object, too deep, ambiguous, or with invalid text or numbers.
    """
    if text.startswith("\ufeff"):
        raise MalformedBody("The body begins with a byte order mark.")
    if _depth(text) > MAX_DEPTH:
        raise MalformedBody(f"The JSON is nested more than {MAX_DEPTH} deep.")
    try:
        value = json.loads(
            text,
            object_pairs_hook=_unique,
            parse_constant=_no_constant,
            parse_float=_finite,
            parse_int=_bounded,
        )
    except json.JSONDecodeError as error:
        raise MalformedBody(
            f"The body is not valid JSON (line {error.lineno}, column {error.colno})."
        ) from None
    if not isinstance(value, dict):
        raise MalformedBody("The body must be a JSON object.")
    _require_plain_text(value)
    return value


def parse_form(text: str) -> dict[str, str]:
    """Return the fields of a form.

    Raises:
        MalformedBody: not a form, too many fields, or a duplicate field.
    """
    if _BROKEN_ESCAPE.search(text):
        raise MalformedBody("Invalid percent-encoding in the form.")
    try:
        pairs = parse_qsl(
            text,
            keep_blank_values=True,
            strict_parsing=bool(text),
            max_num_fields=MAX_FORM_FIELDS,
            errors="strict",
        )
    except ValueError:
        raise MalformedBody(
            f"The body is not a valid form of at most {MAX_FORM_FIELDS} fields."
        ) from None
    return unique_fields(pairs)


def unique_fields(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """Return the fields of a form by name.

    Raises:
        MalformedBody: a duplicate field, or invalid text.
    """
    fields = _unique(pairs)
    _require_plain_text(fields)
    return fields


def _depth(text: str) -> int:
    depth = deepest = 0
    for bracket in _NOT_A_BRACKET.sub("", _STRINGS.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise MalformedBody("Duplicate field.")
    return fields


def _no_constant(_name: str) -> NoReturn:
    raise MalformedBody("NaN and Infinity are not JSON.")


def _finite(digits: str) -> float:
    number = float(digits)
    if number in {float("inf"), float("-inf")}:
        raise MalformedBody("A number is too large.")
    return number


def _bounded(digits: str) -> int:
    if len(digits) > 19:  # noqa: PLR2004 - the digits of the largest 64-bit number
        raise MalformedBody("A number is too large.")
    return int(digits)


def _require_plain_text(value: Any) -> None:  # noqa: ANN401 - any JSON value
    if isinstance(value, str):
        if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
            raise MalformedBody("Strings must not contain NUL or unpaired surrogates.")
    elif isinstance(value, Mapping):
        for name, item in value.items():
            _require_plain_text(name)
            _require_plain_text(item)
    elif isinstance(value, list):
        for item in value:
            _require_plain_text(item)
