"""Parses the fields of a multipart/form-data body (RFC 7578) with Werkzeug's decoder; no files."""

from __future__ import annotations

from typing import Final

from werkzeug.datastructures import Headers
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import Data, Epilogue, Event, Field, File, MultipartDecoder

from identity.web.problems import MalformedBody, UnsupportedBody
from identity.web.requests.body_syntax import MAX_FORM_FIELDS, unique_fields

_BOUNDARY_MAX: Final = 70  # RFC 2046 section 5.1.1
_TEXT: Final = frozenset(
    {("text/plain", "utf-8"), ("text/plain", "utf8"), ("text/plain", "us-ascii")}
)
_UNCODED: Final = frozenset({"7bit", "8bit", "binary"})


def parse_multipart(raw: bytes, boundary: str) -> dict[str, str]:
    """Return the fields of a multipart form with this boundary.

    Raises:
        MalformedBody: not such a form, incomplete, too many fields, or a duplicate field.
        UnsupportedBody: a part is a file, or its text is not UTF-8.
    """
    try:
        return unique_fields(
            [(field.name, text.decode("utf-8")) for field, text in _parts(raw, boundary)]
        )
    except (ValueError, RequestEntityTooLarge):
        raise MalformedBody(
            f"The body is not a valid multipart form of at most {MAX_FORM_FIELDS} fields in UTF-8."
        ) from None


def _parts(raw: bytes, boundary: str) -> list[tuple[Field, bytes]]:
    if not 0 < len(boundary) <= _BOUNDARY_MAX:
        raise ValueError("no boundary")
    decoder = MultipartDecoder(boundary.encode("ascii"), max_parts=MAX_FORM_FIELDS)
    decoder.receive_data(raw)
    decoder.receive_data(None)
    parts: list[tuple[Field, bytes]] = []
    while not isinstance(event := decoder.next_event(), Epilogue):
        if isinstance(event, Data):
            field, text = parts[-1]
            parts[-1] = field, text + event.data
        elif part := _field(event):
            parts.append((part, b""))
    if event.data.strip():
        raise ValueError("text after the end")
    return parts


def _field(event: Event) -> Field | None:
    if isinstance(event, File):
        raise UnsupportedBody("Send a form without files.")
    if not isinstance(event, Field):
        return None
    if not event.name:
        raise ValueError("a part without a name")
    _require_text(event.headers)
    return event


def _require_text(headers: Headers) -> None:
    kind, parameters = parse_options_header(headers.get("Content-Type", "text/plain"))
    charset = parameters.get("charset", "utf-8").lower()
    coding = headers.get("Content-Transfer-Encoding", "8bit").lower()
    if (kind.lower(), charset) not in _TEXT or coding not in _UNCODED:
        raise UnsupportedBody("Send the parts of a form as plain text in UTF-8.")
