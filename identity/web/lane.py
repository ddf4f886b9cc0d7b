"""The fast lane: a call that checks a token and says something of its owner, answered before Flask begins.

Such a call is a function from principal to answer, which its dialect names (`Dialect.quick`) and its route calls, too.
Here it is asked after the same parser and the same use case. Everything else, and every refusal, is left to the route.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from identity.domain.memory import Remembered
from identity.web.context import ROUTE, Context, origin_of
from identity.web.credentials import read_authorization
from identity.web.dialect import TONGUE, Plain, Quick
from identity.web.hosts import is_plain_host

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_HEADERS_KNOWN: Final = 4096


class FastLane:
    """Answers what it can, and leaves the rest to the application."""

    def __init__(self, here: Context) -> None:
        self._here = here
        self._authentication = here.services.authentication
        self._settings = here.settings
        self._tokens: Remembered[str] = Remembered(bound=_HEADERS_KNOWN)

    def answer(self, environ: WSGIEnvironment) -> Plain | None:
        """Return the answer to one request, or None if it is the application's to give."""
        path = environ["PATH_INFO"]
        quick: Quick | None = environ[TONGUE].quick.get(path)
        if quick is None or environ["REQUEST_METHOD"] != "GET" or environ.get("QUERY_STRING"):
            return None
        header = environ.get("HTTP_AUTHORIZATION", "")
        known = self._tokens.find(header)
        token = known or _token_of(header)
        if token is None or not is_plain_host(environ):
            return None
        try:
            principal = self._authentication.by_token(token, origin_of(environ, self._settings))
            plain = quick(principal, self._here)
        except Exception:  # noqa: BLE001 - refusals and mistakes alike are the route's to tell
            return None
        if known is None:
            self._tokens.keep(header, token)
        environ[ROUTE] = path
        return plain


def _token_of(header: str) -> str | None:
    credential = read_authorization(header)
    return credential.token if credential else None
