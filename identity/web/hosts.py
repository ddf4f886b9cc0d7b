"""The Host header, judged without asking Werkzeug where it is as plain as it nearly always is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_PLAIN: Final = re.compile(r"[a-z0-9]+(?:[.-][a-z0-9]+)*(?::[0-9]{1,5})?", re.ASCII)


def is_plain_host(environ: WSGIEnvironment) -> bool:
    """Tell whether the Host is a name or an address of plain characters; anything else may still be valid."""
    return _PLAIN.fullmatch(environ.get("HTTP_HOST", "")) is not None
