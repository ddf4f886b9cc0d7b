"""What the OpenAPI document of the native calls says of the service as a whole."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any, Final

from flask import Flask

from identity.api.problems import UNAUTHORIZED, ProblemDetails
from identity.web.openapi.document import OpenApi, Refusals, Tag

_DESCRIPTION: Final = """\
User accounts, and an answer to the question who is asking.

**Credentials.** Send a username with its password by HTTP Basic, and get a token at `/api/token`. The token
stands in the place of the username, with any password, or in `Authorization: Bearer`. It lives for `duration` seconds;
before that it buys the next one at the same call, without the password. A client certificate of this service's own
authority is taken where it is set up.

**Bodies** are JSON. Fields that a call does not know are refused.

**Refusals** are problems (RFC 9457, `application/problem+json`) with a stable `code`, but for the 400
of a name that is taken and, unless JSON is asked for and HTML is not, the 401 of a wrong credential. 429 and 503 have
`Retry-After`: ask again then. Only 401 says that a credential is no longer good.

**Lists** have a `cursor`: send it back to go on, until it is null.
"""
_ADMINISTRATION: Final = (
    "For administrators: users and their credentials, the audit trail, the mail."
)
TAGS: Final = (
    Tag("tokens", "Log in, stay logged in, log out; ask who is calling.", "tokens"),
    Tag(
        "forward-auth",
        "For proxies that ask before they forward a request: who is calling?",
        "forward_auth",
    ),
    Tag("account", "Register, and look after the own account.", "users"),
    Tag("administration", _ADMINISTRATION, "admin"),
    Tag("administration", _ADMINISTRATION, "admin_credentials"),
    Tag(
        "recovery",
        "A forgotten password, and the confirmation of an email address; both by mail.",
        "recovery",
    ),
    Tag("certificates", "Client certificates in place of passwords.", "certificates"),
    Tag("service", "What this is, and whether it is well.", "front"),
    Tag("operations", "For those who run it.", "operations"),
)


def document(app: Flask, *, server: str) -> dict[str, Any]:
    """Return the document of all native calls of `app`, which are below the URL `server`."""
    info = {"title": "Identity", "version": version("identityd"), "description": _DESCRIPTION}
    return OpenApi(
        info, TAGS, refusals=Refusals(ProblemDetails, unauthorized=UNAUTHORIZED)
    ).document(app, server=server)
