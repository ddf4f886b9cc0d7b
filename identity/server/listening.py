"""Resolves `HOST` before the server starts, so that errors are reported in one line."""

from __future__ import annotations

import errno
import socket
from typing import Final

from identity.settings.readers import SettingError

_ANY: Final = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - shown, not bound

_Address = tuple[
    socket.AddressFamily, tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]
]


def bindable(host: str, port: int) -> str:
    """Return an IP address of `host` that a server can listen on, IPv4 if there is one.

    Raises:
        SettingError: the name has no IP of this machine, or the port is taken or not allowed.
    """
    reason = ""
    for family, address in _resolved(host, port):
        try:
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
                return str(address[0])
        except OSError as error:
            reason = reason or error.strerror or str(error)
            if error.errno != errno.EADDRNOTAVAIL:  # a name may also have IPs of other machines
                break
    raise _refused(host, port, reason)


def reachable(host: str, ip: str, port: int, scheme: str) -> str:
    """Return the URL, for this machine, of a server that listens on `ip` for `host`."""
    name = _ANY.get(ip) or (f"[{ip}]" if ":" in ip else host)
    return f"{scheme}://{name}:{port}"


def _resolved(host: str, port: int) -> list[_Address]:
    # An IPv6 address that was copied from a URL has brackets.
    name = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    try:
        found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except UnicodeError:  # a label that is empty or too long
        raise _refused(host, port, "not a valid host name") from None
    except OSError as error:
        raise _refused(host, port, error.strerror or str(error)) from None
    usable = [
        (family, address)
        for family, *_, address in found
        if family != socket.AF_INET6 or not address[-1]
    ]
    if not usable:
        raise _refused(host, port, "the servers do not support link-local addresses")
    return sorted(usable, key=lambda each: each[0] != socket.AF_INET)


def _refused(host: str, port: int, reason: str) -> SettingError:
    return SettingError(f"cannot listen on {host!a} port {port}: {reason}; set HOST and PORT")
