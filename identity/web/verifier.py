"""The one verifier: whatever credential, in whatever carrier, becomes one principal or one 401.

Flask-HTTPAuth carries it. What its parser leaves open is closed here: the scheme is checked, base64 is
strict, empty and wrong credentials are never anonymous, and no route has a role or an optional login.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final, ParamSpec, TypeVar, cast

from flask import g, request
from flask_httpauth import HTTPAuth

from identity.domain.errors import IdentityError, RateLimited, Unauthenticated, Unavailable
from identity.domain.principal import Principal
from identity.web.context import origin, origin_of
from identity.web.environ import CONTEXT, DIALECT, UNAVAILABLE
from identity.web.problems import REALM, BadRequest, yes_or_no
from identity.web.requests.client_certificates import presented_certificate
from identity.web.requests.credentials import Presented, principal_of, read_authorization
from identity.web.requests.cross_site import refuse_cross_site

_log = logging.getLogger(__name__)
_RETRY_AFTER: Final = timedelta(seconds=2)

Parameters = ParamSpec("Parameters")
Answer = TypeVar("Answer")
View = Callable[Parameters, Answer]


class Verifier(HTTPAuth):  # type: ignore[misc]
    """Flask-HTTPAuth with one strict parser and one dispatcher for all schemes."""

    def __init__(self) -> None:
        super().__init__(scheme="Basic", realm=REALM)
        self.auth_error_callback = _refuse

    def ensure_sync(self, function: Callable[Parameters, Answer]) -> Callable[Parameters, Answer]:
        """Take every function as it is: none of ours is a coroutine, and asking costs on each request."""
        return function

    def get_auth(self) -> Presented | None:
        """Read the credential of the request, once and strictly."""
        environ = request.environ
        header: str = environ.get("HTTP_AUTHORIZATION", "")
        if "," in header:  # servers join repeated headers so; no credential holds a comma itself
            raise BadRequest("Send one Authorization header.")
        if header:
            return read_authorization(header)
        if (name := environ[DIALECT].query_token) and (token := request.args.get(name)):
            return Presented(token)
        certificate = presented_certificate(environ, environ[CONTEXT].settings)
        return Presented(certificate=certificate) if certificate else None

    def get_auth_password(self, auth: Presented | None) -> None:
        """Look no password up: they are never known, only checked."""

    def authenticate(self, auth: Presented | None, _stored_password: None) -> Principal | None:
        """Return the principal, or None for the 401."""
        if auth is None:
            return None
        environ = request.environ
        here = environ[CONTEXT]
        if (missing := environ.get(UNAVAILABLE)) is not None:
            raise missing
        try:
            found = principal_of(auth, origin_of(environ, here.settings), here.services)
            # Flask-HTTPAuth lets everything pass but None and False; here only a principal does.
            return found if isinstance(found, Principal) else None
        except Unauthenticated:
            return None
        except IdentityError:
            raise
        except Exception:  # noqa: BLE001 - a bug in a check must close the door, not open it
            _log.exception("a credential could not be checked")
            raise Unavailable(_RETRY_AFTER) from None

    def require_agreement(self, principal: Principal) -> None:
        """Make sure that a credential of the request itself, where there is one, is that of the principal in its body.

        Raises:
            Unauthenticated: it is no good, or somebody else's.
        """
        given = self.get_auth()
        if given is None and "Authorization" not in request.headers:
            return
        other = self.authenticate(given, None)
        if other is None or other.account.id != principal.account.id:
            raise Unauthenticated

    def required(self, view: Callable[Parameters, Answer]) -> Callable[Parameters, Answer]:
        """Let only authenticated callers reach the view."""
        guarded = self.login_required(view)
        guarded.identity_access = "required"
        return cast("Callable[Parameters, Answer]", guarded)

    def opening(self, view: Callable[Parameters, Answer]) -> Callable[Parameters, Answer]:
        """Let authenticated callers reach a view that opens a session where the credential is no token.

        A browser sends a password or certificate that it keeps along with what another site's page asks
        for, so that is refused like any change, also by GET. A token is never kept by a browser.

        Raises:
            CrossSite: another site's page asks.
        """
        guarded = self.required(view)

        @functools.wraps(guarded)
        def choose(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Answer:
            given = self.get_auth()
            if given is None or given.token is None:
                refuse_cross_site()
            return guarded(*args, **kwargs)

        return choose

    def forward_auth(self, view: Callable[Parameters, Answer]) -> Callable[Parameters, Answer]:
        """Let only authenticated callers reach the view, and tell a proxy nothing but yes or no.

        nginx knows 401 and 403, and takes other refusals for an outage. Where a lock is the reason, `Retry-After` says
        for how long.
        """
        return self._proxied(view, "forward_auth", BadRequest, RateLimited)

    def relayed(self, view: Callable[Parameters, Answer]) -> Callable[Parameters, Answer]:
        """Do the same for a proxy that relays every refusal to its caller, also that it is to wait."""
        return self._proxied(view, "relayed", BadRequest)

    def _proxied(
        self, view: Callable[Parameters, Answer], access: str, *kinds: type[IdentityError]
    ) -> Callable[Parameters, Answer]:
        guarded = self.required(view)

        @functools.wraps(guarded)
        def choose(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Answer:
            try:
                return guarded(*args, **kwargs)
            except kinds as error:
                raise yes_or_no(error) from None

        choose.identity_access = access  # type: ignore[attr-defined]
        return choose

    def public(self, view: Callable[Parameters, Answer]) -> Callable[Parameters, Answer]:
        """Mark a view that takes its credential from elsewhere, or needs none."""
        view.identity_access = "public"  # type: ignore[attr-defined]
        return view

    def optional(self, view: Callable[Parameters, Answer]) -> Callable[Parameters, Answer]:
        """Let callers without a credential pass as nobody; one that is given must be good."""
        guarded = self.required(view)

        @functools.wraps(view)
        def choose(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Answer:
            given = "Authorization" in request.headers or self.get_auth() is not None
            return guarded(*args, **kwargs) if given else view(*args, **kwargs)

        choose.identity_access = "optional"  # type: ignore[attr-defined]
        return choose


def current_principal() -> Principal:
    """Return who makes this request; an anonymous principal where a view welcomes everybody."""
    known: Principal | None = g.get("flask_httpauth_user")
    return Principal(origin()) if known is None else known


def _refuse(_status: int) -> Any:  # noqa: ANN401 - it never returns
    raise Unauthenticated


auth = Verifier()
