"""What is refused before a route is asked: odd methods, hosts and addresses, and what another site's page sends."""

from __future__ import annotations

from typing import Final

from flask import Request, request
from flask.globals import request_ctx
from werkzeug.exceptions import MethodNotAllowed

from identity.web.environ import ROUTE
from identity.web.problems import BadRequest
from identity.web.requests.cross_site import SAFE_METHODS, refuse_cross_site
from identity.web.requests.hosts import has_sound_host
from identity.web.requests.query import refuse_credentials_in_query

NO_ROUTE: Final = "(none)"


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
