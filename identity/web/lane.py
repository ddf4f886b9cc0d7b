"""The fast lane: a call that checks a token and says something of its owner, answered before Flask begins.

Such a call is a function from principal to answer, which its dialect names (`Dialect.quick`) and its route calls, too.
Here it is asked after the same parser and the same use case. Everything else, and every refusal, is left to the route.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from identity.web.context import CONTEXT, ROUTE, origin_of
from identity.web.credentials import read_authorization
from identity.web.dialect import TONGUE, Plain, Quick
from identity.web.hosts import is_plain_host

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class FastLane:
    """Wraps an application; what it does not answer itself reaches the application untouched."""

    def __init__(self, application: WSGIApplication) -> None:
        self._application = application

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        path = environ["PATH_INFO"]
        quick = environ[TONGUE].quick.get(path)
        plain = _answer(quick, environ) if quick else None
        if plain is None:
            return self._application(environ, start_response)
        environ[ROUTE] = path
        start_response(plain.status, plain.headers)
        return (plain.body,) if plain.body else ()


def _answer(quick: Quick, environ: WSGIEnvironment) -> Plain | None:
    header: str = environ.get("HTTP_AUTHORIZATION", "")
    ordinary = environ["REQUEST_METHOD"] == "GET" and not environ.get("QUERY_STRING") and is_plain_host(environ)
    credential = read_authorization(header) if ordinary and header else None
    if credential is None or credential.token is None:
        return None
    here = environ[CONTEXT]
    try:
        origin = origin_of(environ, here.settings)
        return quick(here.services.authentication.by_token(credential.token, origin), here)
    except Exception:  # noqa: BLE001 - refusals and mistakes alike are the route's to tell
        return None
