"""Checks before a view is called: method, Host, path, query and cross-site requests."""

from __future__ import annotations

from typing import Final

from flask import Request, request
from flask.globals import request_ctx
from werkzeug.exceptions import MethodNotAllowed

from identity.web.environ import ROUTE
from identity.web.problems import BadRequest
from identity.web.requests.cross_site import SAFE_METHODS, refuse_cross_site
from identity.web.requests.hosts import has_valid_host
from identity.web.requests.query import refuse_credentials_in_query

NO_ROUTE: Final = "(none)"


def check_request() -> None:
    """Record the route of the current request, and refuse requests that no view should see.

    Raises:
        BadRequest: the Host, the path or the query is invalid.
        CrossSite: a page of another site made the request.
        MethodNotAllowed: the method is in lower case.
    """
    current: Request = request._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001 - Flask's documented way
    environ = current.environ
    rule = current.url_rule
    environ[ROUTE] = rule.rule if rule else NO_ROUTE
    # Methods are case-sensitive (RFC 9110 section 9.1), but Flask compares them in upper case.
    if rule and environ["REQUEST_METHOD"] != current.method:
        routes = request_ctx.url_adapter
        raise MethodNotAllowed(routes.allowed_methods() if routes else None)
    if not has_valid_host(environ):
        raise BadRequest("Send a valid Host header.")
    if "\0" in environ["PATH_INFO"]:  # PostgreSQL refuses statements with NUL in a text
        raise BadRequest("The path must not contain NUL.")
    if environ.get("QUERY_STRING"):
        refuse_credentials_in_query()
    if current.method not in SAFE_METHODS:
        refuse_cross_site()
