"""Forward authentication: a proxy asks who the caller is before it forwards a request.

`/api/verify` answers with 204, for nginx. `/api/verify/proxy` answers with 200: other proxies
forward a request after that status only, and Envoy passes a 204 on to its client. Conditions are
part of the path, because the proxy's configuration sets it and callers cannot. The path of the
request itself may follow after `-`, and is ignored.
"""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING, Final

from flask import Blueprint, Response, request
from werkzeug.exceptions import NotFound

from identity.api.identity_headers import ALWAYS, Header, identity_headers, more_headers, needs_more
from identity.api.problems import refuse, refuse_forwarded
from identity.domain.conditions import all_met
from identity.domain.credentials import Credential
from identity.domain.errors import ConditionUnmet
from identity.web.dialect import FastRoute, ProxyQuestion, RawResponse
from identity.web.openapi.operations import Reply, describes
from identity.web.requests.forward_auth import PROXY_ROUTE
from identity.web.responses import respond
from identity.web.verifier import auth

if TYPE_CHECKING:
    from identity.domain.principal import Principal, Subject
    from identity.web.context import Context

blueprint = Blueprint("forward_auth", __name__)

_PATH: Final = "/api/verify"
_PROXY_PATH: Final = "/api/verify/proxy"
_PROXY: Final = "proxy"
_REQUEST_PATH: Final = "-"  # marks the begin of the request's own path

_CACHE_SECONDS: Final = 5
_VARY: Final = ("Vary", "Authorization")
_CACHE_HEADERS: Final = (("Cache-Control", f"private, max-age={_CACHE_SECONDS}"), _VARY)
_CERTIFICATE: Final = Credential.CERTIFICATE  # access to enum members is slow
_CACHED_ANSWERS_MAX: Final = 1024
_DESCRIBED_HEADERS: Final = (*ALWAYS, "Cache-Control", "Vary")


class _Confirmation:
    """Confirms the caller to one kind of proxy. Caches the last response to each session.

    Args:
        status: the status line.
        own: headers other than those about the caller.
    """

    def __init__(self, status: str, *own: Header) -> None:
        self._status = status
        self._own = own
        self._cached: dict[int, tuple[Subject, int, RawResponse]] = {}

    def respond(self, principal: Principal, context: Context) -> RawResponse:
        """Return the response about a caller; raises as `more_headers`."""
        subject = principal.subject
        end = principal.expires_at
        # The cache keeps a reference to its subjects, so that no other object gets their id.
        cached = self._cached.get(id(subject))
        if (
            cached is not None
            and end is not None
            and cached[0] is subject
            and cached[1] == end
            and end - principal.checked_at >= _CACHE_SECONDS
        ):
            return cached[2]
        return self._build(principal, context)

    def _build(self, principal: Principal, context: Context) -> RawResponse:
        headers = [*self._own, *identity_headers(principal)]
        if more := needs_more(principal, context):
            headers += more_headers(principal, context)
        if principal.credential is _CERTIFICATE:
            # Not cacheable: a cache could not tell callers apart by the Authorization header.
            return RawResponse(self._status, headers)
        cache_headers = _cache_headers(principal)
        headers += cache_headers
        response = RawResponse(self._status, headers, cacheable=True)
        is_long = cache_headers is _CACHE_HEADERS
        if is_long and principal.session and principal.expires_at and not more:
            self._put(principal.account, principal.expires_at, response)
        return response

    def _put(self, subject: Subject, end: int, response: RawResponse) -> None:
        if len(self._cached) >= _CACHED_ANSWERS_MAX:
            self._cached.clear()
        self._cached[id(subject)] = subject, end, response


def _cache_headers(principal: Principal) -> tuple[Header, ...]:
    """Return how long the response may be cached: never longer than the credential is valid."""
    end = principal.expires_at
    left = _CACHE_SECONDS if end is None else end - principal.checked_at
    if left >= _CACHE_SECONDS:
        return _CACHE_HEADERS
    return ("Cache-Control", f"private, max-age={max(0, int(left))}"), _VARY


_FOR_NGINX: Final = FastRoute(_Confirmation("204 NO CONTENT").respond, refuse_forwarded)
_FOR_PROXIES: Final = FastRoute(_Confirmation("200 OK", ("Content-Length", "0")).respond, refuse)


def _with_conditions(route: FastRoute, *conditions: str) -> FastRoute:
    def answer(principal: Principal, context: Context) -> RawResponse:
        if not all_met(principal.account, conditions):
            raise ConditionUnmet
        return route.answer(principal, context)

    return FastRoute(answer, route.refuse)


FAST: Final = {
    _PATH: _FOR_NGINX,
    f"{_PATH}/admin": _with_conditions(_FOR_NGINX, "admin"),
    _PROXY_PATH: _FOR_PROXIES,
    f"{_PROXY_PATH}/admin": _with_conditions(_FOR_PROXIES, "admin"),
}


def proxy_question(path: str) -> ProxyQuestion | None:
    """Parse the path of a proxy's question; None for other paths."""
    if path in FAST:
        return ProxyQuestion(path, FAST[path])
    if not path.startswith(f"{_PATH}/"):
        return None
    first, *rest = segments = _segments(path.removeprefix(f"{_PATH}/"))
    if first != _PROXY:
        return ProxyQuestion(_PATH, _with_conditions(_FOR_NGINX, *segments))
    conditions = takewhile(_REQUEST_PATH.__ne__, rest)
    return ProxyQuestion(_PROXY_PATH, _with_conditions(_FOR_PROXIES, *conditions))


def _segments(path: str) -> list[str]:
    # WSGI decodes paths as Latin-1 (PEP 3333). Invalid UTF-8 becomes U+FFFD, which is in no name.
    return path.encode("latin-1").decode("utf-8", "replace").split("/")


def _respond() -> Response:
    route = request.environ.get(PROXY_ROUTE)
    if route is None:  # the path matches the route, but is not a question as `proxy_question` reads
        raise NotFound
    return respond(route.answer)


@blueprint.get("/api/verify", provide_automatic_options=False)
@auth.forward_auth
@describes("Check a credential for nginx", Reply(204, headers=_DESCRIBED_HEADERS))
def verify() -> Response:
    """Name the caller to nginx, in headers alone."""
    return _respond()


@blueprint.get("/api/verify/admin", provide_automatic_options=False)
@auth.forward_auth
@describes(
    "Check for nginx that the caller is an administrator", Reply(204, headers=_DESCRIBED_HEADERS)
)
def verify_admin() -> Response:
    """Name the caller to nginx, if they are an administrator."""
    return _respond()


@blueprint.get("/api/verify/proxy", provide_automatic_options=False)
@auth.relayed
@describes(
    "Check a credential for another proxy", Reply(200, media_type="", headers=_DESCRIBED_HEADERS)
)
def verify_for_proxy() -> Response:
    """Name the caller to a proxy that relays error responses."""
    return _respond()


@blueprint.get("/api/verify/proxy/admin", provide_automatic_options=False)
@auth.relayed
@describes(
    "Check for another proxy that the caller is an administrator",
    Reply(200, media_type="", headers=_DESCRIBED_HEADERS),
)
def verify_admin_for_proxy() -> Response:
    """Name the caller to a proxy that relays error responses, if they are an administrator."""
    return _respond()
