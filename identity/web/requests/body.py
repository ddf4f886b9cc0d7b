"""Reads bodies strictly: size and type are checked first, and ambiguous content is refused."""

from __future__ import annotations

import re
from typing import Any, Final, TypeVar

from flask import request
from pydantic import BaseModel, ConfigDict, ValidationError

from identity.domain.errors import FieldProblem, InvalidInput
from identity.web.problems import MalformedBody, UnsupportedBody
from identity.web.requests.body_bytes import has_body, read_bytes
from identity.web.requests.body_syntax import parse_form, parse_json_object
from identity.web.requests.multipart import parse_multipart

FORM: Final = "form"  # the validation context of a form, for validators that need to know it
JSON_TYPE: Final = "application/json"
FORM_TYPE: Final = "application/x-www-form-urlencoded"
MULTIPART_TYPE: Final = "multipart/form-data"
_FORMS: Final = frozenset({FORM_TYPE, MULTIPART_TYPE})
# The content types of clients that set none themselves, such as `fetch` with a string.
_UNTYPED: Final = frozenset({"", "text/plain"})

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}", re.ASCII)
Model = TypeVar("Model", bound=BaseModel)


class Body(BaseModel):
    """The base of all body models; pydantic builds each one's validator on first use."""

    model_config = ConfigDict(defer_build=True)


def read_body(model: type[Model], *, forms: bool = True) -> Model:
    """Return the JSON object of the request, or its form if `forms` are accepted, as `model`.

    An object without a content type, or as plain text, is read as JSON, too.

    Raises:
        UnsupportedBody: another content type, charset or encoding, or a form with a file.
        LengthRequired: no valid Content-Length.
        BodyTooLarge: above 64 KiB.
        SlowBodies: too many other bodies are still arriving.
        BodyTooSlow: it did not arrive in time.
        MalformedBody: not one well-formed object, or incomplete.
        InvalidInput: fields are missing, unknown or of the wrong type.
    """
    kind = _content_type({JSON_TYPE, *_UNTYPED, *(_FORMS if forms else ())})
    try:
        if kind in _FORMS:
            return model.model_validate_strings(_form(kind), strict=True, context=FORM)
        return model.model_validate(_json_object(kind), strict=True)
    except ValidationError as error:
        raise invalid(error) from None


def read_body_if_any(model: type[Model]) -> Model:
    """Return the body as `model`, or an empty `model` if there is no body; see `read_body`."""
    return read_body(model) if has_body() else model()


def read_form() -> dict[str, str]:
    """Return the fields of a form; other bodies are refused. See `read_body`."""
    return _form(_content_type(_FORMS))


def _content_type(kinds: set[str] | frozenset[str]) -> str:
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise UnsupportedBody("Send the body without a Content-Encoding.")
    kind = request.mimetype
    charset = request.mimetype_params.get("charset", "utf-8").lower()
    if kind not in kinds or charset not in {"utf-8", "utf8"}:
        raise _unsupported(kinds)
    return kind


def _unsupported(kinds: set[str] | frozenset[str]) -> UnsupportedBody:
    return UnsupportedBody(f"Send {' or '.join(sorted(kinds - _UNTYPED))}, in UTF-8.")


def _json_object(kind: str) -> dict[str, Any]:
    text = _text(read_bytes(chunks=True))
    if kind in _UNTYPED and not text.lstrip().startswith("{"):
        raise _unsupported(frozenset({JSON_TYPE}))
    return parse_json_object(text)


def _form(kind: str) -> dict[str, str]:
    if kind == MULTIPART_TYPE:
        return parse_multipart(read_bytes(chunks=True), request.mimetype_params.get("boundary", ""))
    return parse_form(_text(read_bytes(chunks=False)))


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise MalformedBody("The body is not valid UTF-8.") from None


def invalid(error: ValidationError) -> InvalidInput:
    """Name the invalid fields, but never their values, which may be passwords."""
    found = error.errors(include_input=False, include_url=False, include_context=False)
    return InvalidInput(
        *(FieldProblem(_field(problem["loc"]), _message(problem)) for problem in found)
    )


def _field(location: tuple[int | str, ...]) -> str:
    name = ".".join(map(str, location)) or "body"
    return name if _NAME.fullmatch(name) else "(unnamed)"


def _message(problem: Any) -> str:  # noqa: ANN401 - pydantic's ErrorDetails
    known = {"missing": "is required", "extra_forbidden": "is not a field of this call"}
    return known.get(problem["type"], str(problem["msg"]))
