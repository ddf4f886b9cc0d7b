"""Parses the Host header strictly, and builds the base URL from it."""

from __future__ import annotations

import functools
import re
from ipaddress import AddressValueError, IPv6Address
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_NAME_MAX: Final = 253  # RFC 1035 section 2.3.4, without the trailing dot
_PORT_MAX: Final = 65535
# DNS labels, and the underscores that container networks use in the names of services.
_LABEL: Final = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST: Final = re.compile(
    rf"(?:(?P<name>{_LABEL}(?:\.{_LABEL})*)\.?|\[(?P<ipv6>[0-9a-f:.]{{2,45}})\])"
    r"(?::(?P<port>[0-9]{1,5}))?",
    re.ASCII | re.IGNORECASE,
)
_LONGEST: Final = _NAME_MAX + len(".:65535")
_DEFAULT_PORTS: Final = {"http": ":80", "https": ":443"}


def has_valid_host(environ: WSGIEnvironment) -> bool:
    """Return whether a URL can be built from the Host; HTTP/1.0 may omit it."""
    host = environ.get("HTTP_HOST")
    return host is None or (len(host) <= _LONGEST and is_valid_host(host))


@functools.lru_cache(maxsize=256)
def is_valid_host(host: str) -> bool:
    """Return whether this is a name, an IPv4 or a bracketed IPv6 address, with an optional port."""
    found = _HOST.fullmatch(host)
    if found is None or (found["port"] and not 0 < int(found["port"]) <= _PORT_MAX):
        return False
    return len(found["name"]) <= _NAME_MAX if found["name"] else _is_ipv6(found["ipv6"])


def _is_ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except AddressValueError:
        return False
    return True


def own_host(environ: WSGIEnvironment) -> str:
    """Return the host of the request, or else of the server, without a default port.

    Empty, if there is no valid one.
    """
    host: str = environ.get("HTTP_HOST") or _server(environ)
    if not is_valid_host(host):
        return ""
    return host.removesuffix(_DEFAULT_PORTS.get(environ["wsgi.url_scheme"], ""))


def _server(environ: WSGIEnvironment) -> str:
    name: str = environ.get("SERVER_NAME", "")
    host = f"[{name}]" if ":" in name else name
    return f"{host}:{environ.get('SERVER_PORT', '')}"


def own_base(environ: WSGIEnvironment) -> str:
    """Return the URL of the service's root as the client sees it, without a trailing slash.

    If the host is unknown, it is a path only (RFC 9110 section 10.2.2).
    """
    host = own_host(environ)
    root = environ.get("SCRIPT_NAME", "").rstrip("/")
    return f"{environ['wsgi.url_scheme']}://{host}{root}" if host else root
