"""Reads IP addresses as proxies, servers and people write them.

All parts of the service use this one function, so that one client always counts as one.
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

IP = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network

_MAX_LENGTH: Final = 64  # the longest IPv6 text with brackets, port and a zone of usual length
_BRACKETED: Final = re.compile(r"\[([^\]]*)\](?::[0-9]{1,5})?", re.ASCII)
_IPV4_AND_PORT: Final = re.compile(r"([0-9.]+):[0-9]{1,5}", re.ASCII)
_MAPPED: Final = IPv6Network("::ffff:0:0/96")


@lru_cache(maxsize=4096)  # called for every password attempt and every hop of a request
def read_ip(text: str) -> IP | None:
    """Return the IP in a text, or None if it is not one.

    A port (`192.0.2.7:4711`, `[2001:db8::7]:4711`) and an IPv6 zone are dropped. An IPv4 address
    that is mapped into IPv6 (RFC 4291 section 2.5.5.2) is returned as IPv4.
    """
    text = text.strip(" \t")
    if len(text) > _MAX_LENGTH:
        return None
    found = _BRACKETED.fullmatch(text) or _IPV4_AND_PORT.fullmatch(text)
    try:
        ip = ip_address((found[1] if found else text).partition("%")[0])
    except ValueError:
        return None
    return (ip.ipv4_mapped or ip) if isinstance(ip, IPv6Address) else ip


def plain_network(network: IPNetwork) -> IPNetwork:
    """Return the IPv4 network for one that is mapped into IPv6; return others unchanged."""
    if isinstance(network, IPv4Network) or not network.subnet_of(_MAPPED):
        return network
    first = network.network_address.ipv4_mapped
    return IPv4Network((int(first or 0), network.prefixlen - _MAPPED.prefixlen))
