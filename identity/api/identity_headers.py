"""The headers in which a service behind a proxy hears who is calling.

Some are always there. `IDENTITY_FORWARD_HEADERS` adds those that other programs read already. Header fields are
ASCII here: in a person's name, what is not printable ASCII, and `%`, is written as UTF-8 with percent-encoding.
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
    """Return what every service hears of a caller."""
    who, end = principal.account, principal.expires_at
    return [
        (_USER, who.username),
        (_ID, str(who.id)),
        _IS_ADMIN if who.admin else _IS_NO_ADMIN,
        (_CREDENTIAL, str(principal.credential)),
        (_EXPIRES, "never" if end is None else str(end)),
    ]


def needs_more(principal: Principal, here: Context) -> bool:
    """Tell whether `more_headers` is to be asked, which reads a row."""
    return len(here.settings.forward_headers) > 1 or "@" in principal.account.username


def more_headers(principal: Principal, here: Context) -> list[Header]:
    """Return what the operator wants services to hear beside that.

    Raises:
        UnconfirmedName: the account is called by an email address that may be another person's.
    """
    username, shown = principal.account.username, here.services.profiles.presented(principal)
    if not is_email_of(username, shown.email):
        raise UnconfirmedName
    return _more(username, shown, here.settings.forward_headers)


def _more(username: str, shown: PresentedAccount, wanted: frozenset[str]) -> list[Header]:
    name = _in_ascii(shown.full_name or "")
    sets: dict[str, list[tuple[str, str | None]]] = {
        "email": [("X-Identity-Email", shown.email)],
        "name": [("X-Identity-Name", name or None)],
        "remote": [
            ("Remote-User", username),
            ("Remote-Email", shown.email),
            ("Remote-Name", name or None),
            ("Remote-Groups", ""),  # there are none yet; a caller's own claim is overwritten
        ],
        "webauth": [("X-WEBAUTH-USER", username)],
    }
    chosen = [header for word, headers in sets.items() if word in wanted for header in headers]
    return [(header, value) for header, value in chosen if value is not None]


def _in_ascii(text: str) -> str:
    return quote(text.strip(" "), safe=_PLAIN)
