"""Refuses changes that the page of another site asks a browser for."""

from __future__ import annotations

from typing import Final

from flask import request

from identity.web.context import context
from identity.web.problems import CrossSite
from identity.web.requests.hosts import own_host

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


def refuse_cross_site() -> None:
    """Refuse a change that another site's page asks a browser for, with the credentials the browser keeps.

    Raises:
        CrossSite: Fetch metadata or the Origin header says so.
    """
    if not {"HTTP_ORIGIN", "HTTP_SEC_FETCH_SITE"} & request.environ.keys():
        return  # no browser
    site = request.headers.get("Sec-Fetch-Site", "none")
    sender = request.headers.get("Origin")
    if sender in context().settings.allowed_origins:
        return
    own = {
        own_host(request.environ),
        context().settings.public_url.partition("://")[2].partition("/")[0],
    } - {""}
    # A page that sends no referrer sends its forms with the origin "null", also to its own site.
    unnamed = sender == "null" and site == "same-origin"
    foreign = sender is not None and not unnamed and sender.partition("://")[2] not in own
    if site in {"cross-site", "same-site"} or foreign:
        raise CrossSite("Cross-site request refused.")
