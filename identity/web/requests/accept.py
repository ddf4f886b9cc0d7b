"""The Accept header (RFC 9110 section 12.5.1)."""

from __future__ import annotations

from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

_HTML = frozenset({"text/html", "text/*"})


def wants_json(header: str) -> bool:
    """Return whether the header names JSON and does not name HTML.

    `*/*` names neither, so a client without a preference gets what the document shows.
    """
    ranges = {
        name.lower() for name, quality in parse_accept_header(header, MIMEAccept) if quality > 0
    }
    return any(map(_is_json, ranges)) and ranges.isdisjoint(_HTML)


def _is_json(name: str) -> bool:
    return name == "application/*" or name.endswith(("/json", "+json"))
