"""How often something may be tried, and who counts as one caller."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network
from typing import Final

from identity.domain.ips import read_ip

# The names are shown to callers (`RateLimit-Policy`) and stand in the keys of the counters.
PASSWORD: Final = "password"  # noqa: S105 - the name of a limit
IP: Final = "ip"
REGISTRATION: Final = "registration"
RESET: Final = "reset"
MAIL: Final = "mail"
REQUESTED_MAIL: Final = "requested_mail"
CERTIFICATE: Final = "certificate"

UNKNOWN_CLIENT: Final = "-"
_WIDE_BITS_IPV4, _WIDE_BITS_IPV6 = 24, 48
_SITE_BITS: Final = 64  # what one customer of a provider gets


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most` tries in a `window`; 0 is no limit.

    A window begins with its first try and ends by itself. One for tries `in_a_row` begins anew with each try
    that was let through, and success ends it.
    """

    name: str
    most: int
    window: timedelta
    in_a_row: bool = False


@lru_cache(
    maxsize=4096
)  # every try of a password asks, and a flood from one place asks for one address
def client_network(ip: str) -> str:
    """Return what counts as one client: an IPv4 address, or the /64 network of an IPv6 address.

    The text is read by `read_ip`. Text that is no IP, such as the peer of a Unix socket, is
    UNKNOWN_CLIENT, which counts as one client, too.
    """
    parsed = read_ip(ip)
    if not isinstance(parsed, IPv6Address):
        return UNKNOWN_CLIENT if parsed is None else str(parsed)
    return str(IPv6Network((int(parsed), _SITE_BITS), strict=False))


def wide_network(ip: str) -> str:
    """Return the network of an IP that one provider's customer may have many of: /24 of IPv4, /48 of IPv6."""
    parsed = read_ip(ip)
    if parsed is None:
        return UNKNOWN_CLIENT
    if isinstance(parsed, IPv6Address):
        return str(IPv6Network((int(parsed), _WIDE_BITS_IPV6), strict=False))
    return str(IPv4Network((int(parsed), _WIDE_BITS_IPV4), strict=False))
