"""nginx with deploy/forward-auth/nginx.conf."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from support import nginx
from support.proxies.programs import Place, shipped

WHY_SKIPPED = nginx.WHY_SKIPPED


def installed() -> bool:
    """Tell whether there is an nginx."""
    return nginx.installed()


@contextmanager
def proxying(place: Place) -> Iterator[None]:
    """Run nginx until the block ends."""
    text = shipped(
        "nginx.conf",
        {
            "listen 443 ssl;": f"listen 127.0.0.1:{place.port};",
            "127.0.0.1:5000": place.identity,
            "127.0.0.1:8080": place.service,
        },
    )
    with nginx.running(
        place.folder, re.sub(r" +ssl_certificate.*\n", "", place.edited(text)), ports=[place.port]
    ):
        yield
