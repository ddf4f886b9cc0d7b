"""The fast lane: a call that checks a token and says something of its owner, answered before Flask begins.

Such a call is a function from principal to answer, which its dialect names (`Dialect.fast`) and its route calls, too.
Here it is asked after the same parser and the same use case. A password that was refused a moment ago, by a lock or
a full queue, is refused again, in the route's words. Everything else is left to the route.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from identity.caching import BoundedCache
from identity.domain.errors import Unavailable
from identity.web.context import Context, origin_of
from identity.web.dialect import FastRoute, RawResponse
from identity.web.environ import DIALECT, REPEATED, ROUTE, UNAVAILABLE
from identity.web.requests.credentials import Presented, read_authorization
from identity.web.requests.hosts import has_sound_host

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

    from identity.domain.principal import Origin

_HEADERS_KNOWN: Final = 4096
_HEADER_MAX: Final = (
    2048  # longer ones are read anew: what stands beside a token is the caller's to choose
)


class FastPath:
    """Answers what it can, and leaves the rest to the application."""

    def __init__(self, here: Context) -> None:
        self._here = here
        self._authentication = here.services.authentication
        self._settings = here.settings
        self._headers: BoundedCache[Presented] = BoundedCache(bound=_HEADERS_KNOWN)

    def answer(
        self, environ: WSGIEnvironment, question: FastRoute | None = None
    ) -> RawResponse | None:
        """Return the answer to one request, or None if it is the application's to give.

        Args:
            environ: the request.
            question: the call that answers it, where it is a proxy's question and the path does not say which.
        """
        path = environ["PATH_INFO"]
        quick: FastRoute | None = question or environ[DIALECT].fast.get(path)
        if quick is None or environ["REQUEST_METHOD"] != "GET" or environ.get("QUERY_STRING"):
            return None
        header = environ.get("HTTP_AUTHORIZATION", "")
        known = self._headers.find(header)
        given = known or read_authorization(header)
        if given is None or not has_sound_host(environ):
            return None
        origin = origin_of(environ, self._settings)
        try:
            if given.token is None:
                plain = self._refused(environ, quick, given.username, origin)
            else:
                principal = self._authentication.by_token(given.token, origin, given.username)
                plain = quick.answer(principal, self._here)
        except Unavailable as error:
            environ[UNAVAILABLE] = error  # so that the route does not wait for it once more
            return None
        except Exception:  # noqa: BLE001 - other refusals and mistakes alike are the route's to tell
            return None
        if plain is None:
            return None
        if known is None and given.token is not None and len(header) <= _HEADER_MAX:
            self._headers.put(header, given)
        environ[ROUTE] = path
        return plain

    def _refused(
        self, environ: WSGIEnvironment, quick: FastRoute, username: str, origin: Origin
    ) -> RawResponse | None:
        refusal = self._authentication.refused(username, origin)
        if refusal is None:
            return None
        environ[REPEATED] = True
        return quick.refuse(refusal, environ)
