"""The Host header, judged without asking Werkzeug where it is as plain as it nearly always is."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_LONGEST: Final = 259  # a name of DNS, a colon and a port
_PLAIN: Final = re.compile(r"[a-z0-9]+(?:[.-][a-z0-9]+)*(?::[0-9]{1,5})?", re.ASCII)


def is_plain_host(environ: WSGIEnvironment) -> bool:
    """Tell whether the Host is a name or an address of plain characters; anything else may still be valid."""
    host = environ.get("HTTP_HOST", "")
    return len(host) <= _LONGEST and _is_plain(host)


@functools.lru_cache(maxsize=256)
def _is_plain(host: str) -> bool:
    return _PLAIN.fullmatch(host) is not None
