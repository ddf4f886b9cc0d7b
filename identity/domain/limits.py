"""How often something may be attempted, and what counts as one client."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network
from typing import Final

from identity.domain.ips import read_ip

# The names are shown to callers (`RateLimit-Policy`) and are part of the counters' keys.
PASSWORD: Final = "password"  # noqa: S105 - the name of a limit
IP: Final = "ip"
REGISTRATION: Final = "registration"
RESET: Final = "reset"
MAIL: Final = "mail"
REQUESTED_MAIL: Final = "requested_mail"
CERTIFICATE: Final = "certificate"

UNKNOWN_CLIENT: Final = "-"
_WIDE_BITS_IPV4: Final = 24
_WIDE_BITS_IPV6: Final = 48
_CLIENT_BITS_IPV6: Final = 64  # the smallest network that providers assign to one customer


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most` attempts in a `window`; 0 means no limit.

    A window begins with its first attempt. If the limit counts attempts `in_a_row`, every admitted
    attempt restarts the window, and a successful one resets the counter.
    """

    name: str
    most: int
    window: timedelta
    in_a_row: bool = False


@lru_cache(maxsize=4096)  # called for every password attempt; a flood repeats the same IPs
def client_network(ip: str) -> str:
    """Return what counts as one client: an IPv4 address, or the /64 network of an IPv6 address.

    The text is read by `read_ip`. Text that is not an IP, such as the peer of a Unix socket, is
    UNKNOWN_CLIENT; all of these count as one client.
    """
    parsed = read_ip(ip)
    if not isinstance(parsed, IPv6Address):
        return UNKNOWN_CLIENT if parsed is None else str(parsed)
    return str(IPv6Network((int(parsed), _CLIENT_BITS_IPV6), strict=False))


def wide_network(ip: str) -> str:
    """Return the network of an IP that one organisation may hold: /24 of IPv4, /48 of IPv6."""
    parsed = read_ip(ip)
    if parsed is None:
        return UNKNOWN_CLIENT
    if isinstance(parsed, IPv6Address):
        return str(IPv6Network((int(parsed), _WIDE_BITS_IPV6), strict=False))
    return str(IPv4Network((int(parsed), _WIDE_BITS_IPV4), strict=False))
