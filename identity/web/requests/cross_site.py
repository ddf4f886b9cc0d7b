"""Refuses cross-site requests that a browser makes for the page of another site."""

from __future__ import annotations

from typing import Final

from flask import request

from identity.web.context import context
from identity.web.problems import CrossSite
from identity.web.requests.hosts import own_host

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


def refuse_cross_site() -> None:
    """Refuse the current request if another site's page made a browser send it.

    Raises:
        CrossSite: Fetch metadata or the Origin header shows another site.
    """
    if not {"HTTP_ORIGIN", "HTTP_SEC_FETCH_SITE"} & request.environ.keys():
        return  # not a browser
    site = request.headers.get("Sec-Fetch-Site", "none")
    sender = request.headers.get("Origin")
    if sender in context().settings.allowed_origins:
        return
    own = {
        own_host(request.environ),
        context().settings.public_url.partition("://")[2].partition("/")[0],
    } - {""}
    # A page without referrers sends its forms with the origin "null", even to its own site.
    is_own_form = sender == "null" and site == "same-origin"
    foreign = sender is not None and not is_own_form and sender.partition("://")[2] not in own
    if site in {"cross-site", "same-site"} or foreign:
        raise CrossSite("Cross-site request refused.")
