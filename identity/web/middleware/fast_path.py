"""The fast path: answers token checks before Flask begins.

A fast route is a function of a principal. Its dialect names it (`Dialect.fast`), and its Flask view
calls the same function. The fast path uses the same parser and the same use case as Flask views. A
password that was refused shortly before, by a lock or a full queue, is refused again with the same
body. Everything else is left to Flask.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from identity.caching import BoundedCache
from identity.domain.errors import Unavailable
from identity.web.context import Context, origin_of
from identity.web.dialect import FastRoute, RawResponse
from identity.web.environ import DIALECT, REPEATED, ROUTE, UNAVAILABLE
from identity.web.requests.credentials import Presented, read_authorization
from identity.web.requests.hosts import has_valid_host

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

    from identity.domain.principal import Origin

_CACHED_HEADERS: Final = 4096
# Longer headers are not cached: the caller chooses what stands beside the token.
_CACHED_HEADER_MAX: Final = 2048


class FastPath:
    """Answers the requests that need no Flask, and leaves the others to the application."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._authentication = context.services.authentication
        self._settings = context.settings
        self._headers: BoundedCache[Presented] = BoundedCache(bound=_CACHED_HEADERS)

    def answer(
        self, environ: WSGIEnvironment, route: FastRoute | None = None
    ) -> RawResponse | None:
        """Return the response to one request, or None if the application must answer it.

        Args:
            environ: the request.
            route: the route of a proxy's question; by default, the path selects the route.
        """
        path = environ["PATH_INFO"]
        fast: FastRoute | None = route or environ[DIALECT].fast.get(path)
        if fast is None or environ["REQUEST_METHOD"] != "GET" or environ.get("QUERY_STRING"):
            return None
        header = environ.get("HTTP_AUTHORIZATION", "")
        cached = self._headers.find(header)
        credential = cached or read_authorization(header)
        if credential is None or not has_valid_host(environ):
            return None
        response = self._response(environ, fast, credential)
        if response is None:
            return None
        if cached is None and credential.token is not None and len(header) <= _CACHED_HEADER_MAX:
            self._headers.put(header, credential)
        environ[ROUTE] = path
        return response

    def _response(
        self, environ: WSGIEnvironment, fast: FastRoute, credential: Presented
    ) -> RawResponse | None:
        origin = origin_of(environ, self._settings)
        try:
            if credential.token is None:
                return self._repeated_refusal(environ, fast, credential.username, origin)
            principal = self._authentication.by_token(credential.token, origin, credential.username)
            return fast.answer(principal, self._context)
        except Unavailable as error:
            environ[UNAVAILABLE] = error  # so that the Flask view does not wait for it again
            return None
        except Exception:  # noqa: BLE001 - the Flask view meets and reports every other error again
            return None

    def _repeated_refusal(
        self, environ: WSGIEnvironment, fast: FastRoute, username: str, origin: Origin
    ) -> RawResponse | None:
        refusal = self._authentication.refused(username, origin)
        if refusal is None:
            return None
        environ[REPEATED] = True
        return fast.refuse(refusal, environ)
