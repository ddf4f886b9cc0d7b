"""IPs as proxies, servers and people write them: one reading, so that one caller is never two, nor two one."""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

IP = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network

_LONGEST: Final = 64  # the longest spelling of IPv6, brackets and a port; zones of sensible length
_BRACKETED: Final = re.compile(r"\[([^\]]*)\](?::[0-9]{1,5})?", re.ASCII)
_IPV4_AND_PORT: Final = re.compile(r"([0-9.]+):[0-9]{1,5}", re.ASCII)
_MAPPED: Final = IPv6Network("::ffff:0:0/96")


@lru_cache(maxsize=4096)  # asked with every try of a password and for every hop of a request
def read_ip(text: str) -> IP | None:
    """Return the IP in a text, or None if it is none.

    A port behind it (`192.0.2.7:4711`, `[2001:db8::7]:4711`) and the zone of IPv6 are left out, and IPv4 that is mapped
    into IPv6 (RFC 4291 section 2.5.5.2) is IPv4.
    """
    text = text.strip(" \t")
    if len(text) > _LONGEST:
        return None
    found = _BRACKETED.fullmatch(text) or _IPV4_AND_PORT.fullmatch(text)
    try:
        ip = ip_address((found[1] if found else text).partition("%")[0])
    except ValueError:
        return None
    return (ip.ipv4_mapped or ip) if isinstance(ip, IPv6Address) else ip


def plain_network(network: IPNetwork) -> IPNetwork:
    """Return a network of IPv4 that is mapped into IPv6 as the one of IPv4 that it is; others as they are."""
    if isinstance(network, IPv4Network) or not network.subnet_of(_MAPPED):
        return network
    first = network.network_address.ipv4_mapped
    return IPv4Network((int(first or 0), network.prefixlen - _MAPPED.prefixlen))
