"""CORS (Fetch standard): which origins' pages may use the service; never with cookies."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_ALLOWED: Final = "Access-Control-Allow-Origin"
_EXPOSED_HEADERS: Final = (
    "Location, Retry-After, RateLimit, RateLimit-Policy, WWW-Authenticate, X-Request-ID"
)
_REQUEST_HEADERS: Final = "Authorization, Content-Type, X-Request-ID"
_MAX_AGE_SECONDS: Final = "600"


class Cors:
    """Wraps an application, and adds CORS headers to every response, including errors.

    A preflight gets the methods of the route's own `Allow`. So a route without OPTIONS, such as
    forward authentication, gets no permission. The browser's own credentials are never allowed.

    Args:
        application: the wrapped application.
        origins: the allowed origins.
    """

    def __init__(self, application: WSGIApplication, origins: frozenset[str]) -> None:
        self._application = application
        self._origins = origins

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        origin = environ.get("HTTP_ORIGIN", "")
        allowed = origin if origin in self._origins else ""
        is_preflight = (
            environ["REQUEST_METHOD"] == "OPTIONS"
            and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ
        )

        def start(
            status: str,
            headers: list[tuple[str, str]],
            exc_info: Any = None,  # noqa: ANN401 - PEP 3333
        ) -> Callable[[bytes], object]:
            own = dict(headers)
            if _ALLOWED in own:
                return start_response(status, headers, exc_info)
            methods = own.get("Allow", "") if is_preflight else ""
            return start_response(status, [*headers, *_cors(allowed, methods)], exc_info)

        return self._application(environ, start)


def _cors(allowed: str, methods: str) -> Iterator[tuple[str, str]]:
    yield "Vary", "Origin"
    if allowed:
        yield _ALLOWED, allowed
        yield "Access-Control-Expose-Headers", _EXPOSED_HEADERS
    if allowed and methods:
        yield "Access-Control-Allow-Methods", methods
        yield "Access-Control-Allow-Headers", _REQUEST_HEADERS
        yield "Access-Control-Max-Age", _MAX_AGE_SECONDS
