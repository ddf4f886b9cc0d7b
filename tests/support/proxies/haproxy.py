"""HAProxy with deploy/forward-auth/haproxy.cfg and identity.lua."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from support.proxies.programs import Place, find, running, shipped

WHY_SKIPPED = "no haproxy: install Debian's haproxy"


def installed() -> bool:
    """Tell whether there is a HAProxy."""
    return find("haproxy") is not None


@contextmanager
def proxying(place: Place) -> Iterator[None]:
    """Run HAProxy until the block ends."""
    script, path = place.folder / "identity.lua", place.folder / "haproxy.cfg"
    script.write_text(
        shipped("identity.lua", {"abns@ask_identity": f"abns@ask_identity_{place.port}"})
    )
    changes = {
        "abns@ask_identity": f"abns@ask_identity_{place.port}",
        "127.0.0.1:5000": place.identity,
        "/etc/haproxy/identity.lua": str(script),
        "bind :80": f"bind 127.0.0.1:{place.port}",
        "127.0.0.1:8080": place.service,
    }
    path.write_text(place.edited(shipped("haproxy.cfg", changes)))
    with running(place, [str(find("haproxy")), "-db", "-f", str(path)]):
        yield
