"""Which other sites' pages may use the service (Fetch standard, CORS): exact origins, and never with cookies."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_ALLOWED: Final = "Access-Control-Allow-Origin"
_SHOWN: Final = "Location, Retry-After, RateLimit, RateLimit-Policy, WWW-Authenticate, X-Request-ID"
_TAKEN: Final = "Authorization, Content-Type, X-Request-ID"
_KNOWN_SECONDS: Final = "600"


class Cors:
    """Wraps an application, and tells browsers on each of its answers, also refusals, whether a page may read it.

    A preflight is a question about the route: it is answered by the route's own `Allow`, so what answers to no OPTIONS,
    such as the check for proxies, gets no permission either. No credentials of the browser's are ever allowed.

    Args:
        application: what answers.
        origins: whose pages may.
    """

    def __init__(self, application: WSGIApplication, origins: frozenset[str]) -> None:
        self._application = application
        self._origins = origins

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        origin = environ.get("HTTP_ORIGIN", "")
        allowed = origin if origin in self._origins else ""
        asks = (
            environ["REQUEST_METHOD"] == "OPTIONS"
            and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ
        )

        def start(
            status: str,
            headers: list[tuple[str, str]],
            exc_info: Any = None,  # noqa: ANN401 - PEP 3333
        ) -> Callable[[bytes], object]:
            given = dict(headers)
            told = (
                () if _ALLOWED in given else _told(allowed, given.get("Allow", "") if asks else "")
            )
            return start_response(status, [*headers, *told], exc_info)

        return self._application(environ, start)


def _told(allowed: str, methods: str) -> Iterator[tuple[str, str]]:
    yield "Vary", "Origin"
    if allowed:
        yield _ALLOWED, allowed
        yield "Access-Control-Expose-Headers", _SHOWN
    if allowed and methods:
        yield "Access-Control-Allow-Methods", methods
        yield "Access-Control-Allow-Headers", _TAKEN
        yield "Access-Control-Max-Age", _KNOWN_SECONDS
