"""Normalizes forward-authentication requests, in which only the credential counts.

A proxy copies the method, the query and the body of the request that it asks about. If the answer
depended on these, callers could influence it. So every question gets the same form before it is
routed, for the fast path and for Flask alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from identity.web.dialect import FastRoute
from identity.web.environ import DIALECT

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

PROXY_ROUTE: Final = "identity.proxy_route"


def normalize(environ: WSGIEnvironment) -> FastRoute | None:
    """Rewrite a proxy's question to the path of its route, with GET and without a query.

    Returns:
        The route that answers it, if the request was changed; else None.
    """
    parse = environ[DIALECT].proxy_question
    question = parse(environ["PATH_INFO"]) if parse else None
    if question is None:
        return None
    original = (environ["PATH_INFO"], environ["REQUEST_METHOD"], environ.get("QUERY_STRING", ""))
    # HEAD is answered like GET, but the server must know that no body follows.
    method = "HEAD" if environ["REQUEST_METHOD"] == "HEAD" else "GET"
    environ["PATH_INFO"] = question.path
    environ["REQUEST_METHOD"] = method
    environ["QUERY_STRING"] = ""
    environ[PROXY_ROUTE] = question.route
    return None if original == (question.path, method, "") else question.route
