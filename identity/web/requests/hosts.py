"""The Host header: one strict reading, and the base URL that is built from it."""

from __future__ import annotations

import functools
import re
from ipaddress import AddressValueError, IPv6Address
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_NAME_MAX: Final = 253  # RFC 1035 section 2.3.4, written without the root's dot
_PORT_MAX: Final = 65535
# Labels as in a name of DNS, and with the underscores that container networks give their services.
_LABEL: Final = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST: Final = re.compile(
    rf"(?:(?P<name>{_LABEL}(?:\.{_LABEL})*)\.?|\[(?P<ipv6>[0-9a-f:.]{{2,45}})\])"
    r"(?::(?P<port>[0-9]{1,5}))?",
    re.ASCII | re.IGNORECASE,
)
_LONGEST: Final = _NAME_MAX + len(".:65535")
_DEFAULT_PORTS: Final = {"http": ":80", "https": ":443"}


def has_sound_host(environ: WSGIEnvironment) -> bool:
    """Tell whether the Host is one from which a URL can be built; HTTP/1.0 may leave it out."""
    host = environ.get("HTTP_HOST")
    return host is None or (len(host) <= _LONGEST and is_sound(host))


@functools.lru_cache(maxsize=256)
def is_sound(host: str) -> bool:
    """Tell whether this is a name, an IPv4 or a bracketed IPv6 address, each with or without a port (RFC 3986)."""
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
    """Return the host of the request as its Origin would name it, or what the server calls itself; else nothing."""
    host: str = environ.get("HTTP_HOST") or _server(environ)
    return (
        host.removesuffix(_DEFAULT_PORTS.get(environ["wsgi.url_scheme"], ""))
        if is_sound(host)
        else ""
    )


def _server(environ: WSGIEnvironment) -> str:
    name: str = environ.get("SERVER_NAME", "")
    return f"{f'[{name}]' if ':' in name else name}:{environ.get('SERVER_PORT', '')}"


def own_base(environ: WSGIEnvironment) -> str:
    """Return the URL of the service's root as the caller knows it, without a slash at its end.

    Where nothing tells the host, it is a path (RFC 9110 section 10.2.2).
    """
    host, root = own_host(environ), environ.get("SCRIPT_NAME", "").rstrip("/")
    return f"{environ['wsgi.url_scheme']}://{host}{root}" if host else root
