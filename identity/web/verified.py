"""Checking a credential for another service (forward authentication), and the fast lane for it.

A proxy asks before every request it forwards, so a token is answered before Flask begins: by the same parser, the same
use case and the same headers. Everything else, and every refusal, is left to the route of the same address.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from identity.domain.errors import IdentityError
from identity.domain.principal import Principal, Subject
from identity.web.context import CONTEXT, ROUTE, origin_of
from identity.web.credentials import read_authorization
from identity.web.hosts import is_plain_host

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

VERIFY_PATH: Final = "/api/verify"
VERIFIED_HEADERS: Final = ("X-Identity-User", "X-Identity-Id", "X-Identity-Admin")


def verified(subject: Subject) -> list[tuple[str, str]]:
    """Return the headers that tell who was verified."""
    values = (subject.username, str(subject.id), "true" if subject.admin else "false")
    return list(zip(VERIFIED_HEADERS, values, strict=True))


class FastLane:
    """Wraps an application; what it does not answer itself reaches the application untouched."""

    def __init__(self, application: WSGIApplication) -> None:
        self._application = application

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        principal = _verify(environ) if environ["PATH_INFO"] == VERIFY_PATH else None
        if principal is None:
            return self._application(environ, start_response)
        environ[ROUTE] = VERIFY_PATH
        start_response("204 NO CONTENT", verified(principal.account))
        return ()


def _verify(environ: WSGIEnvironment) -> Principal | None:
    header: str = environ.get("HTTP_AUTHORIZATION", "")
    ordinary = environ["REQUEST_METHOD"] == "GET" and not environ.get("QUERY_STRING") and is_plain_host(environ)
    credential = read_authorization(header) if ordinary and header else None
    if credential is None or credential.token is None:
        return None
    here = environ[CONTEXT]
    try:
        principal: Principal = here.services.authentication.by_token(
            credential.token, origin_of(environ, here.settings)
        )
    except IdentityError:
        return None
    return principal
