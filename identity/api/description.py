"""The general part of the native dialect's OpenAPI document."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any, Final

from flask import Flask

from identity.api.problems import UNAUTHORIZED, ProblemDetails
from identity.web.openapi.document import OpenApi, Tag
from identity.web.openapi.responses import Refusals

_DESCRIPTION: Final = """\
User accounts and authentication.

**Credentials.** Send a username and its password by HTTP Basic to `/api/token` to get a token. Send
the token as the username, with any password, or as `Authorization: Bearer`. It is valid for
`duration` seconds; until then, the same call exchanges it for the next one, without the password.
Client certificates of this service's own CA are accepted if they are set up.

**Bodies** are JSON. Unknown fields are refused.

**Errors** are problems (RFC 9457, `application/problem+json`) with a stable `code`, except for the
400 of a username that is taken and the 401 of an invalid credential, which is a problem only if
`Accept` names JSON and not HTML. 429 and 503 have `Retry-After`: try again after that time. Only
401 means that a credential is invalid.

**Lists** have a `cursor`: send it to get the next page, until it is null.
"""
_ADMINISTRATION: Final = (
    "For administrators: users and their credentials, the audit log, the outbox."
)
TAGS: Final = (
    Tag("tokens", "Log in, renew the token, log out.", "tokens"),
    Tag(
        "forward-auth",
        "For proxies that authenticate a request before they forward it.",
        "forward_auth",
    ),
    Tag("account", "Register, and manage your own account.", "users"),
    Tag("administration", _ADMINISTRATION, "admin"),
    Tag("administration", _ADMINISTRATION, "admin_credentials"),
    Tag(
        "recovery",
        "Reset a forgotten password, and confirm an email, by mail.",
        "recovery",
    ),
    Tag("certificates", "Client certificates instead of passwords.", "certificates"),
    Tag("service", "What this service is.", "front"),
    Tag("operations", "For operators and monitoring.", "operations"),
)


def document(app: Flask, *, server: str) -> dict[str, Any]:
    """Return the OpenAPI document of all native routes of `app`, below the URL `server`."""
    info = {"title": "Identity", "version": version("identityd"), "description": _DESCRIPTION}
    return OpenApi(
        info, TAGS, refusals=Refusals(ProblemDetails, unauthorized=UNAUTHORIZED)
    ).document(app, server=server)
