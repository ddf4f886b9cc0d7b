"""The headers that name the caller to a service behind a proxy.

Some are always sent. `IDENTITY_FORWARD_HEADERS` adds those that existing programs read. Values are
ASCII: in a person's name, `%` and everything but printable ASCII is percent-encoded as UTF-8.
"""

from __future__ import annotations

import string
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from identity.domain.errors import UnconfirmedName
from identity.domain.usernames import is_email_of

if TYPE_CHECKING:
    from identity.domain.principal import Principal
    from identity.domain.views import PresentedAccount
    from identity.web.context import Context

Header = tuple[str, str]

ALWAYS: Final = (
    "X-Identity-User",
    "X-Identity-Id",
    "X-Identity-Admin",
    "X-Identity-Credential",
    "X-Identity-Expires",
)
_USER, _ID, _ADMIN, _CREDENTIAL, _EXPIRES = ALWAYS
_IS_ADMIN: Final = (_ADMIN, "true")
_IS_NO_ADMIN: Final = (_ADMIN, "false")
_PLAIN: Final = "".join(sorted({*string.printable} - {*string.whitespace, "%"})) + " "


def identity_headers(principal: Principal) -> list[Header]:
    """Return the headers that are always sent."""
    account = principal.account
    end = principal.expires_at
    return [
        (_USER, account.username),
        (_ID, str(account.id)),
        _IS_ADMIN if account.admin else _IS_NO_ADMIN,
        (_CREDENTIAL, str(principal.credential)),
        (_EXPIRES, "never" if end is None else str(end)),
    ]


def needs_more(principal: Principal, context: Context) -> bool:
    """Return whether `more_headers`, which reads a row, must be called."""
    return len(context.edge.forward_headers) > 1 or "@" in principal.account.username


def more_headers(principal: Principal, context: Context) -> list[Header]:
    """Return the headers that `IDENTITY_FORWARD_HEADERS` adds.

    Raises:
        UnconfirmedName: the username is an email that may belong to another person.
    """
    username = principal.account.username
    account = context.services.profiles.presented(principal)
    if not is_email_of(username, account.email):
        raise UnconfirmedName
    return _more(username, account, context.edge.forward_headers)


def _more(username: str, account: PresentedAccount, enabled: frozenset[str]) -> list[Header]:
    name = _in_ascii(account.full_name or "")
    sets: dict[str, list[tuple[str, str | None]]] = {
        "email": [("X-Identity-Email", account.email)],
        "name": [("X-Identity-Name", name or None)],
        "remote": [
            ("Remote-User", username),
            ("Remote-Email", account.email),
            ("Remote-Name", name or None),
            ("Remote-Groups", ""),  # no groups exist; overwrites a header of the caller
        ],
        "webauth": [("X-WEBAUTH-USER", username)],
    }
    chosen = [header for word, headers in sets.items() if word in enabled for header in headers]
    return [(header, value) for header, value in chosen if value is not None]


def _in_ascii(text: str) -> str:
    return quote(text.strip(" "), safe=_PLAIN)
