"""What is refused before a route is asked: odd methods, hosts and addresses, and what another site's page sends."""

from __future__ import annotations

from typing import Final

from flask import Request, request
from flask.globals import request_ctx
from werkzeug.exceptions import MethodNotAllowed

from identity.web.context import ROUTE, context
from identity.web.hosts import has_sound_host, own_host
from identity.web.problems import BadRequest, CrossSite
from identity.web.query import refuse_credentials_in_query

NO_ROUTE: Final = "(none)"
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


def judge() -> None:
    """Note the route of the current request, and refuse the request if no route should see it.

    Raises:
        BadRequest: its host or address cannot be; CrossSite: another site's page made it.
        MethodNotAllowed: the method is spelled in small letters.
    """
    asked: Request = request._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001 - Flask's documented way
    environ, rule = asked.environ, asked.url_rule
    environ[ROUTE] = rule.rule if rule else NO_ROUTE
    if (
        rule and environ["REQUEST_METHOD"] != asked.method
    ):  # methods are case-sensitive (RFC 9110 section 9.1)
        routes = request_ctx.url_adapter
        raise MethodNotAllowed(routes.allowed_methods() if routes else None)
    if not has_sound_host(environ):
        raise BadRequest("Send a valid Host header.")
    if (
        "\0" in environ["PATH_INFO"]
    ):  # no name holds it, and PostgreSQL does not even look for one that does
        raise BadRequest("An address holds no NUL.")
    if environ.get("QUERY_STRING"):
        refuse_credentials_in_query()
    if asked.method not in SAFE_METHODS:
        refuse_cross_site()


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
        raise CrossSite("A page of another site may not do this.")
