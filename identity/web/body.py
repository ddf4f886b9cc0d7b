"""Reading bodies strictly: one meaning, of bounded size, or a clear refusal before any work.

RFC 8259 leaves duplicate names, depth and huge numbers to the reader; this reader refuses them all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final, NoReturn, TypeVar
from urllib.parse import parse_qsl

from flask import request
from pydantic import BaseModel, ConfigDict, ValidationError

from identity.domain.errors import FieldProblem, InvalidInput
from identity.web.arrivals import Arrivals
from identity.web.context import origin
from identity.web.problems import BodyTooLarge, BodyTooSlow, LengthRequired, MalformedBody, UnsupportedBody

FORM: Final = "form"  # the context in which a body's words were validated
MAX_BODY_BYTES: Final = 64 * 1024
MAX_DEPTH: Final = 16
MAX_FORM_FIELDS: Final = 64
JSON_TYPE: Final = "application/json"
FORM_TYPE: Final = "application/x-www-form-urlencoded"

# Possessive, and content with a string that never ends: one pass over any text.
_STRINGS: Final = re.compile(r'"(?:[^"\\]+|\\.)*+"?', re.DOTALL)
_BROKEN_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_NOT_A_BRACKET: Final = re.compile(r"[^\[\]{}]+")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}", re.ASCII)
Model = TypeVar("Model", bound=BaseModel)
_arrivals: Final = Arrivals()


class Body(BaseModel):
    """The fields of a body that is read or shown; pydantic looks at them when the first one comes."""

    model_config = ConfigDict(defer_build=True)


def read_body(model: type[Model], *, forms: bool = True) -> Model:
    """Return the request's JSON object or, where `forms` are spoken, form as `model`.

    Raises:
        UnsupportedBody: another content type, charset or encoding.
        LengthRequired, BodyTooLarge: no honest length, or one above 64 KiB; nothing was read.
        SlowBodies: too many others are still arriving.
        BodyTooSlow: it did not arrive in time.
        MalformedBody: not one well-formed object.
        InvalidInput: fields are missing, unknown or of the wrong type.
    """
    kind, text = read_text({JSON_TYPE, FORM_TYPE} if forms else {JSON_TYPE})
    try:
        if kind == JSON_TYPE:
            return model.model_validate(parse_json_object(text), strict=True)
        return model.model_validate_strings(parse_form(text), strict=True, context=FORM)
    except ValidationError as error:
        raise invalid(error) from None


def read_text(kinds: set[str]) -> tuple[str, str]:
    """Return the content type and the text of a body of one of these types; see `read_body`."""
    return _content_type(kinds), _text()


def _content_type(kinds: set[str]) -> str:
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise UnsupportedBody("Send the body without a Content-Encoding.")
    kind, charset = request.mimetype, request.mimetype_params.get("charset", "utf-8").lower()
    if kind not in kinds or charset not in {"utf-8", "utf8"}:
        raise UnsupportedBody(f"Send {' or '.join(sorted(kinds))}, in UTF-8.")
    return kind


def _text() -> str:
    length = request.environ.get("CONTENT_LENGTH", "")
    if "Transfer-Encoding" in request.headers or not re.fullmatch(r"[0-9]{1,18}", length, re.ASCII):
        raise LengthRequired("Send the body with a Content-Length.")
    size = int(length)
    if size > MAX_BODY_BYTES:
        raise BodyTooLarge(f"Send a body of at most {MAX_BODY_BYTES} bytes.")
    raw = _received(size)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise MalformedBody("The body is not valid UTF-8.") from None


def _received(size: int) -> bytes:
    with _arrivals.awaiting(request.environ, origin().address) as arrival:
        try:
            raw, why = bytes(request.environ["wsgi.input"].read(size)), "The body ended before its Content-Length."
        except (OSError, ValueError):  # the connection broke, or the server found the framing wrong
            raw, why = b"", "The body could not be received."
    if len(raw) == size:
        return raw
    if arrival.cut:
        raise BodyTooSlow("The body took too long to arrive.")
    raise MalformedBody(why)


def parse_json_object(text: str) -> dict[str, Any]:
    """Return the one object in `text`.

    Raises:
        MalformedBody: it is something else, too deep, ambiguous, or holds what JSON or a name cannot.
    """
    if text.startswith("\ufeff"):
        raise MalformedBody("The body begins with a byte order mark.")
    if _depth(text) > MAX_DEPTH:
        raise MalformedBody(f"The JSON is nested more than {MAX_DEPTH} deep.")
    try:
        value = json.loads(
            text, object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite, parse_int=_bounded
        )
    except json.JSONDecodeError as error:
        raise MalformedBody(f"The body is not valid JSON (line {error.lineno}, column {error.colno}).") from None
    if not isinstance(value, dict):
        raise MalformedBody("The body must be a JSON object.")
    _require_plain_text(value)
    return value


def parse_form(text: str) -> dict[str, str]:
    """Return the fields of a form.

    Raises:
        MalformedBody: not a form, too many fields, or one field twice.
    """
    if _BROKEN_ESCAPE.search(text):
        raise MalformedBody("The form holds a % that begins no escape.")
    try:
        pairs = parse_qsl(
            text, keep_blank_values=True, strict_parsing=bool(text), max_num_fields=MAX_FORM_FIELDS, errors="strict"
        )
    except ValueError:
        raise MalformedBody(f"The body is not a valid form of at most {MAX_FORM_FIELDS} fields.") from None
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
        raise MalformedBody("The same field stands there twice.")
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


def _require_plain_text(value: Any) -> None:  # noqa: ANN401 - whatever JSON holds
    if isinstance(value, str):
        if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
            raise MalformedBody("A text holds NUL or half a surrogate pair.")
    elif isinstance(value, Mapping):
        for name, item in value.items():
            _require_plain_text(name)
            _require_plain_text(item)
    elif isinstance(value, list):
        for item in value:
            _require_plain_text(item)


def invalid(error: ValidationError) -> InvalidInput:
    """Say which fields are wrong, never with what: the input is a password as often as not."""
    found = error.errors(include_input=False, include_url=False, include_context=False)
    return InvalidInput(*(FieldProblem(_field(problem["loc"]), _message(problem)) for problem in found))


def _field(location: tuple[int | str, ...]) -> str:
    name = ".".join(map(str, location)) or "body"
    return name if _NAME.fullmatch(name) else "(unnamed)"


def _message(problem: Any) -> str:  # noqa: ANN401 - pydantic's ErrorDetails
    known = {"missing": "is required", "extra_forbidden": "is not a field of this call"}
    return known.get(problem["type"], str(problem["msg"]))
