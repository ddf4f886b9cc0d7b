"""The client IP of a request: that of the connection, or the one that trusted proxies forward."""

from __future__ import annotations

import logging
from functools import lru_cache
from typing import TYPE_CHECKING

from identity.domain.ips import IPNetwork, read_ip

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_log = logging.getLogger(__name__)


def client_ip(environ: WSGIEnvironment, proxies: tuple[IPNetwork, ...]) -> str:
    """Return the IP of the caller. `X-Forwarded-For` counts only where trusted proxies wrote it.

    If a trusted proxy forwards no valid IP, its own is returned. A peer without an IP, such as a
    Unix socket, keeps the name that the server gives it.
    """
    address: str = environ.get("REMOTE_ADDR", "")
    if ":" in address:  # dual-stack sockets show IPv4 as IPv6
        address = _normalized(address)
    forwarded = environ.get("HTTP_X_FORWARDED_FOR") if proxies else None
    while forwarded and trusted(address, proxies):
        forwarded, _, last = forwarded.rpartition(",")
        ip = read_ip(last)
        if ip is None:
            _warn_once(address)
            break
        address = str(ip)
    return address


def trusted(address: str, networks: tuple[IPNetwork, ...]) -> bool:
    """Return whether an IP is in one of the networks."""
    ip = read_ip(address)
    return ip is not None and any(ip in network for network in networks)


def _normalized(address: str) -> str:
    ip = read_ip(address)
    return address if ip is None else str(ip)


@lru_cache(maxsize=64)
def _warn_once(proxy: str) -> None:
    _log.warning(
        "X-Forwarded-For from proxy %s contains no valid IP; all its clients count as one", proxy
    )
