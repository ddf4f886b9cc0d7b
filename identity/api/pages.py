"""The two pages that links in mails lead to.

Opening a page changes nothing, because mail scanners open links; its button sends the change.
"""

from __future__ import annotations

import html
from typing import Final

from flask import Blueprint, Response, request

from identity.domain.errors import IdentityError
from identity.domain.principal import Principal
from identity.web.context import origin, services
from identity.web.problems import describe
from identity.web.requests.body import read_form
from identity.web.verifier import auth

blueprint = Blueprint("pages", __name__)

_POLICY: Final = "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
# With the default policy of no referrer, browsers would send the form with the origin "null".
_HEAD: Final = (
    '<meta charset="utf-8"><meta name="referrer" content="same-origin">'
    '<meta name="viewport" content="width=device-width">'
    '<meta name="color-scheme" content="light dark">'
)
_ACTIVATE: Final = '<form method="post">{token}<button>Confirm my address</button></form>'
_RESET: Final = (
    '<form method="post">{token}<label>New password '
    '<input type="password" name="password" required></label> '
    "<button>Set password</button></form>"
)


@blueprint.get("/activate")
@auth.public
def ask_activate() -> Response:
    """Show the button that confirms an email."""
    return _form("Confirm your address", _ACTIVATE)


@blueprint.post("/activate")
@auth.public
def activate() -> Response:
    """Confirm an email."""
    fields = read_form()
    try:
        services().activation.activate(Principal(origin()), fields.get("token", ""))
    except IdentityError as error:
        return _refusal("Confirm your address", error)
    return page("Confirm your address", "Your address is confirmed.")


@blueprint.get("/reset")
@auth.public
def ask_reset() -> Response:
    """Show the form for the new password."""
    return _form("Choose a new password", _RESET)


@blueprint.post("/reset")
@auth.public
def reset() -> Response:
    """Set the new password."""
    fields = read_form()
    try:
        services().recovery.reset(
            Principal(origin()), fields.get("token", ""), fields.get("password", "")
        )
    except IdentityError as error:
        return _refusal("Choose a new password", error)
    return page("Choose a new password", "Your password has been changed. You can log in now.")


def _form(title: str, form: str) -> Response:
    token = html.escape(request.args.get("token", "")[:200])
    return page(title, form.format(token=f'<input type="hidden" name="token" value="{token}">'))


def _refusal(title: str, error: IdentityError) -> Response:
    problem = describe(error)
    response = page(title, html.escape(problem.detail), problem.status)
    response.headers.extend(problem.headers)
    return response


def page(title: str, body: str, status: int = 200) -> Response:
    """Return a page with this title and HTML body, without scripts or other resources."""
    text = (
        f'<!doctype html><html lang="en">{_HEAD}<title>{title}</title>'
        f"<main><h1>{title}</h1>{body}</main></html>\n"
    )
    response = Response(text, status, content_type="text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = _POLICY
    return response
