"""The one verifier: whatever credential, in whatever carrier, becomes one principal or one 401.

Flask-HTTPAuth carries it. What its parser leaves open is closed here: the scheme is checked, base64 and UTF-8
are strict, empty and wrong credentials are never anonymous, and no route has a role or an optional login.
"""

from __future__ import annotations

import base64
import binascii
import functools
import logging
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final, ParamSpec, TypeVar, cast

from flask import g, request
from flask_httpauth import HTTPAuth
from werkzeug.datastructures import Authorization

from identity.domain.errors import IdentityError, Unauthenticated, Unavailable
from identity.domain.forms import looks_like_token
from identity.domain.principal import Principal
from identity.web.certificates import presented_certificate
from identity.web.context import context, origin, services
from identity.web.dialect import spoken
from identity.web.problems import BadRequest

_log = logging.getLogger(__name__)
_RETRY_AFTER: Final = timedelta(seconds=2)
_BASIC: Final = re.compile(r"basic +([A-Za-z0-9+/]+={0,2})", re.ASCII | re.IGNORECASE)
_BEARER: Final = re.compile(r"(?:bearer|token) +([A-Za-z0-9._~+/-]+=*)", re.ASCII | re.IGNORECASE)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")

REALM: Final = "Authentication Required"
# Basic first: a proxy that forwards only one challenge forwards the first (nginx 1.22).
CHALLENGES: Final = (f'Basic realm="{REALM}"', f'Bearer realm="{REALM}"')

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

    def get_auth(self) -> Authorization | None:
        """Read the Authorization header once and strictly (RFC 7617, RFC 6750)."""
        header = request.headers.get("Authorization", "")
        if not header and (name := spoken().query_token) and (token := request.args.get(name)):
            return Authorization("bearer", token=token)
        if "," in header:  # servers join repeated headers so; no credential holds a comma itself
            raise BadRequest("Send one Authorization header.")
        if not header and (certificate := presented_certificate(request.environ, context().settings)):
            return Authorization("certificate", token=base64.b64encode(certificate).decode("ascii"))
        return read_authorization(header)

    def get_auth_password(self, auth: Authorization | None) -> None:
        """Look no password up: they are never known, only checked."""

    def authenticate(self, auth: Authorization | None, _stored_password: None) -> Principal | None:
        """Return the principal, or None for the 401."""
        if auth is None:
            return None
        try:
            found = _principal(auth)
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

    def open(self, view: Callable[Parameters, Answer]) -> Callable[Parameters, Answer]:
        """Mark a view that takes its credential from elsewhere, or needs none."""
        view.identity_access = "open"  # type: ignore[attr-defined]
        return view

    def welcome(self, view: Callable[Parameters, Answer]) -> Callable[Parameters, Answer]:
        """Let callers without a credential pass as nobody; one that is given must be good."""
        guarded = self.required(view)

        @functools.wraps(view)
        def choose(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Answer:
            given = "Authorization" in request.headers or self.get_auth() is not None
            return guarded(*args, **kwargs) if given else view(*args, **kwargs)

        choose.identity_access = "welcome"  # type: ignore[attr-defined]
        return choose


def current_principal() -> Principal:
    """Return who makes this request; an anonymous principal where a view welcomes everybody."""
    known: Principal | None = g.get("flask_httpauth_user")
    return Principal(origin()) if known is None else known


def read_authorization(header: str) -> Authorization | None:
    """Parse a header value; None unless it is exactly one well-formed Basic or Bearer credential."""
    if form := _BEARER.fullmatch(header):
        return Authorization("bearer", token=form[1])
    form = _BASIC.fullmatch(header)
    pair = _decode(form[1]) if form else None
    if pair is None or _CONTROL.search(pair):
        return None
    username, colon, password = pair.partition(":")
    return Authorization("basic", {"username": username, "password": password}) if colon and username else None


def _decode(text: str) -> str | None:
    try:
        raw = base64.b64decode(text, validate=True)
        # Spare bits that are not zero would give one credential several spellings.
        return raw.decode("utf-8") if base64.b64encode(raw).decode("ascii") == text else None
    except (binascii.Error, UnicodeDecodeError):
        return None


def _principal(credential: Authorization) -> Principal:
    use = services().authentication
    if credential.type == "certificate":
        return services().certificates.principal(base64.b64decode(credential.token or ""), origin())
    if credential.type == "bearer":
        return use.by_token(credential.token or "", origin())
    username = str(credential.parameters["username"])
    if looks_like_token(username):
        return use.by_token(username, origin())
    return use.by_password(username, str(credential.parameters["password"]), origin())


def _refuse(_status: int) -> Any:  # noqa: ANN401 - it never returns
    raise Unauthenticated


auth = Verifier()
