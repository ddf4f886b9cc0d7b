"""What a proxy asks before it forwards a request to another service: who is this, and may they pass?

`/api/verify` says yes with 204, for nginx. `/api/verify/proxy` says it with 200: other proxies forward a request after
that one only, and Envoy hands a 204 to its caller. Conditions stand in the path, because the proxy's configuration
writes it and no caller can; behind a `-` stands the path of the guarded request, which decides nothing.
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
from identity.web.openapi.document import Reply, describes
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
_GUARDED_PATH: Final = "-"

_KEPT_SECONDS: Final = 5
_VARY: Final = ("Vary", "Authorization")
_KEPT: Final = (("Cache-Control", f"private, max-age={_KEPT_SECONDS}"), _VARY)
_CERTIFICATE: Final = (
    Credential.CERTIFICATE
)  # by a short name: asking the class for a member is slow
_SAID_MOST: Final = 4096
_SHOWN: Final = (*ALWAYS, "Cache-Control", "Vary")


class _Yes:
    """One way to say yes. The last words to each session are kept, because most checks repeat them.

    Args:
        status: the status line.
        own: headers beside those about the caller.
    """

    def __init__(self, status: str, *own: Header) -> None:
        self._status = status
        self._own = own
        self._said: dict[int, tuple[Subject, int, RawResponse]] = {}

    def say(self, principal: Principal, here: Context) -> RawResponse:
        """Return the answer to a caller; raises as `more_headers`."""
        who, end = principal.subject, principal.expires_at
        # A subject that is remembered is kept alive by that, so no other one has its id.
        said = self._said.get(id(who))
        if (
            said is not None
            and end is not None
            and said[0] is who
            and said[1] == end
            and end - principal.checked_at >= _KEPT_SECONDS
        ):
            return said[2]
        return self._say_anew(principal, here)

    def _say_anew(self, principal: Principal, here: Context) -> RawResponse:
        headers = [*self._own, *identity_headers(principal)]
        if more := needs_more(principal, here):
            headers += more_headers(principal, here)
        if principal.credential is _CERTIFICATE:
            # It came in no header that a cache could tell callers apart by.
            return RawResponse(self._status, headers)
        kept = _kept(principal)
        headers += kept
        plain = RawResponse(self._status, headers, cacheable=True)
        if kept is _KEPT and principal.session and principal.expires_at and not more:
            self._remember(principal.account, principal.expires_at, plain)
        return plain

    def _remember(self, who: Subject, end: int, plain: RawResponse) -> None:
        if len(self._said) >= _SAID_MOST:
            self._said.clear()
        self._said[id(who)] = who, end, plain


def _kept(principal: Principal) -> tuple[Header, ...]:
    """Return for how long the answer may be kept: never longer than the credential lives."""
    end = principal.expires_at
    left = _KEPT_SECONDS if end is None else end - principal.checked_at
    if left >= _KEPT_SECONDS:
        return _KEPT
    return ("Cache-Control", f"private, max-age={max(0, int(left))}"), _VARY


_FOR_NGINX: Final = FastRoute(_Yes("204 NO CONTENT").say, refuse_forwarded)
_FOR_PROXIES: Final = FastRoute(_Yes("200 OK", ("Content-Length", "0")).say, refuse)


def _only(call: FastRoute, *conditions: str) -> FastRoute:
    def say(principal: Principal, here: Context) -> RawResponse:
        if not all_met(principal.account, conditions):
            raise ConditionUnmet
        return call.answer(principal, here)

    return FastRoute(say, call.refuse)


FAST: Final = {
    _PATH: _FOR_NGINX,
    f"{_PATH}/admin": _only(_FOR_NGINX, "admin"),
    _PROXY_PATH: _FOR_PROXIES,
    f"{_PROXY_PATH}/admin": _only(_FOR_PROXIES, "admin"),
}


def proxy_question(path: str) -> ProxyQuestion | None:
    """Read the path under which a proxy asks; None for a path of another call."""
    if path in FAST:
        return ProxyQuestion(path, FAST[path])
    if not path.startswith(f"{_PATH}/"):
        return None
    first, *rest = words = _words(path.removeprefix(f"{_PATH}/"))
    if first != _PROXY:
        return ProxyQuestion(_PATH, _only(_FOR_NGINX, *words))
    return ProxyQuestion(_PROXY_PATH, _only(_FOR_PROXIES, *takewhile(_GUARDED_PATH.__ne__, rest)))


def _words(path: str) -> list[str]:
    # A path of WSGI is bytes that are spelled as Latin-1 (PEP 3333). What is not UTF-8 becomes what no name holds.
    return path.encode("latin-1").decode("utf-8", "replace").split("/")


def _respond() -> Response:
    call = request.environ.get(PROXY_ROUTE)
    if call is None:  # a spelling of the path that is routed here and was not read as a question
        raise NotFound
    return respond(call.answer)


@blueprint.get("/api/verify", provide_automatic_options=False)
@auth.forward_auth
@describes("Check a credential for nginx", Reply(204, headers=_SHOWN))
def verify() -> Response:
    """Say who is calling, in headers alone, for a proxy that asks before it forwards a request."""
    return _respond()


@blueprint.get("/api/verify/admin", provide_automatic_options=False)
@auth.forward_auth
@describes("Check for nginx that an administrator is calling", Reply(204, headers=_SHOWN))
def verify_admin() -> Response:
    """Say the same of administrators only."""
    return _respond()


@blueprint.get("/api/verify/proxy", provide_automatic_options=False)
@auth.relayed
@describes("Check a credential for another proxy", Reply(200, media_type="", headers=_SHOWN))
def verify_for_proxy() -> Response:
    """Say with 200 who is calling, and refuse in words that a caller can use."""
    return _respond()


@blueprint.get("/api/verify/proxy/admin", provide_automatic_options=False)
@auth.relayed
@describes(
    "Check for another proxy that an administrator is calling",
    Reply(200, media_type="", headers=_SHOWN),
)
def verify_admin_for_proxy() -> Response:
    """Say the same of administrators only."""
    return _respond()
