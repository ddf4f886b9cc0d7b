"""Who is at the other end of a request: the peer of its connection, or whom trusted proxies vouch for."""

from __future__ import annotations

import logging
from functools import lru_cache
from typing import TYPE_CHECKING

from identity.domain.ips import IPNetwork, read_ip

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_log = logging.getLogger(__name__)


def client_ip(environ: WSGIEnvironment, proxies: tuple[IPNetwork, ...]) -> str:
    """Return the IP of the caller; forwarded ones count only as far as trusted proxies vouch for them.

    Where a trusted proxy names none, its own counts. Whatever has no IP, such as a Unix socket, stays as it is called.
    """
    address: str = environ.get("REMOTE_ADDR", "")
    if ":" in address:  # servers that listen for both kinds show IPv4 as IPv6
        address = _plain(address)
    forwarded = environ.get("HTTP_X_FORWARDED_FOR") if proxies else None
    while forwarded and trusted(address, proxies):
        forwarded, _, last = forwarded.rpartition(",")
        ip = read_ip(last)
        if ip is None:
            _say_once(address)
            break
        address = str(ip)
    return address


def trusted(address: str, networks: tuple[IPNetwork, ...]) -> bool:
    """Tell whether an IP is in one of the networks."""
    ip = read_ip(address)
    return ip is not None and any(ip in network for network in networks)


def _plain(address: str) -> str:
    ip = read_ip(address)
    return address if ip is None else str(ip)


@lru_cache(maxsize=64)
def _say_once(proxy: str) -> None:
    _log.warning(
        "X-Forwarded-For of the proxy %s names no IP: its callers are counted as one", proxy
    )
