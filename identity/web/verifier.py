"""Authenticates requests: any credential becomes a principal or a 401.

Built on Flask-HTTPAuth, but stricter than its parser: the scheme is checked, base64 is strict, and
empty or wrong credentials are never taken for an anonymous caller. Flask-HTTPAuth's roles and
optional login are not used.
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
from identity.web.problems import REALM, BadRequest, as_denial
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

    def get_auth(self) -> Presented | None:
        """Read the credential of the request."""
        environ = request.environ
        header: str = environ.get("HTTP_AUTHORIZATION", "")
        if "," in header:  # servers join repeated headers with a comma; no credential contains one
            raise BadRequest("Send one Authorization header.")
        if header:
            return read_authorization(header)
        if (name := environ[DIALECT].query_token) and (token := request.args.get(name)):
            return Presented(token)
        certificate = presented_certificate(environ, environ[CONTEXT].settings)
        return Presented(certificate=certificate) if certificate else None

    def get_auth_password(self, auth: Presented | None) -> None:
        """Return nothing: stored passwords cannot be looked up, only checked."""

    def authenticate(self, auth: Presented | None, _stored_password: None) -> Principal | None:
        """Return the principal, or None for the 401."""
        if auth is None:
            return None
        environ = request.environ
        context = environ[CONTEXT]
        if (unavailable := environ.get(UNAVAILABLE)) is not None:
            raise unavailable
        try:
            found = principal_of(auth, origin_of(environ, context.settings), context.services)
            # Flask-HTTPAuth accepts anything but None and False; this accepts only a principal.
            return found if isinstance(found, Principal) else None
        except Unauthenticated:
            return None
        except IdentityError:
            raise
        except Exception:  # noqa: BLE001 - a bug in a check must refuse the caller, not admit them
            _log.exception("failed to check a credential")
            raise Unavailable(_RETRY_AFTER) from None

    def require_agreement(self, principal: Principal) -> None:
        """Check that the request's own credential, if any, belongs to the account of its body.

        Raises:
            Unauthenticated: the credential is invalid or belongs to another account.
        """
        credential = self.get_auth()
        if credential is None and "Authorization" not in request.headers:
            return
        other = self.authenticate(credential, None)
        if other is None or other.account.id != principal.account.id:
            raise Unauthenticated

    def required(self, view: Callable[Parameters, Answer]) -> Callable[Parameters, Answer]:
        """Require authentication."""
        protected = self.login_required(view)
        protected.identity_access = "required"
        return cast("Callable[Parameters, Answer]", protected)

    def opening(self, view: Callable[Parameters, Answer]) -> Callable[Parameters, Answer]:
        """Require authentication for a view that may open a session.

        A browser adds a stored password or certificate to requests that other sites make. Such a
        request is refused like any cross-site change, even a GET. Browsers store no tokens.

        Raises:
            CrossSite: a page of another site made the request.
        """
        protected = self.required(view)

        @functools.wraps(protected)
        def choose(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Answer:
            credential = self.get_auth()
            if credential is None or credential.token is None:
                refuse_cross_site()
            return protected(*args, **kwargs)

        return choose

    def forward_auth(self, view: Callable[Parameters, Answer]) -> Callable[Parameters, Answer]:
        """Require authentication, and answer a proxy with no other refusals than 401 and 403.

        nginx takes every other status for an outage. If a lock is the reason, `Retry-After` says
        how long it lasts.
        """
        return self._proxied(view, "forward_auth", BadRequest, RateLimited)

    def relayed(self, view: Callable[Parameters, Answer]) -> Callable[Parameters, Answer]:
        """Require authentication for a proxy that relays every refusal, including 429."""
        return self._proxied(view, "relayed", BadRequest)

    def _proxied(
        self, view: Callable[Parameters, Answer], access: str, *kinds: type[IdentityError]
    ) -> Callable[Parameters, Answer]:
        protected = self.required(view)

        @functools.wraps(protected)
        def choose(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Answer:
            try:
                return protected(*args, **kwargs)
            except kinds as error:
                raise as_denial(error) from None

        choose.identity_access = access  # type: ignore[attr-defined]
        return choose

    def public(self, view: Callable[Parameters, Answer]) -> Callable[Parameters, Answer]:
        """Mark a view that needs no credential, or reads it from elsewhere."""
        view.identity_access = "public"  # type: ignore[attr-defined]
        return view

    def optional(self, view: Callable[Parameters, Answer]) -> Callable[Parameters, Answer]:
        """Admit callers without a credential as anonymous; a credential, if sent, must be valid."""
        protected = self.required(view)

        @functools.wraps(view)
        def choose(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Answer:
            has_credential = "Authorization" in request.headers or self.get_auth() is not None
            chosen = protected if has_credential else view
            return chosen(*args, **kwargs)

        choose.identity_access = "optional"  # type: ignore[attr-defined]
        return choose


def current_principal() -> Principal:
    """Return the principal of the current request, which may be anonymous on an optional route."""
    known: Principal | None = g.get("flask_httpauth_user")
    return Principal(origin()) if known is None else known


def _refuse(_status: int) -> Any:  # noqa: ANN401 - it never returns
    raise Unauthenticated


auth = Verifier()
