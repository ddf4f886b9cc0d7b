"""Names that begin with `IDENTITY_`: settings, what Kubernetes adds by itself, and mistakes."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from difflib import get_close_matches
from typing import Final

from identity.settings.readers import SettingError

# Kubernetes describes every Service of the namespace to each container. One that is called `identity`,
# or `identity-db`, does it with our prefix (Kubernetes documentation, "Discovering services").
_ENDPOINT: Final = re.compile(r"(?:tcp|udp|sctp)://\S+:[0-9]{1,5}")
_PORT_NUMBER: Final = re.compile(r"[0-9]{1,5}")
_SERVICE_LINKS: Final = tuple(
    (re.compile(rf"IDENTITY_(?:[A-Z0-9_]+_)?{name}"), value)
    for name, value in (
        ("SERVICE_HOST", re.compile(r"\S*")),
        ("SERVICE_PORT(?:_[A-Z0-9_]+)?", _PORT_NUMBER),
        ("PORT", _ENDPOINT),
        ("PORT_[0-9]{1,5}_(?:TCP|UDP|SCTP)", _ENDPOINT),
        ("PORT_[0-9]{1,5}_(?:TCP|UDP|SCTP)_PROTO", re.compile("tcp|udp|sctp")),
        ("PORT_[0-9]{1,5}_(?:TCP|UDP|SCTP)_PORT", _PORT_NUMBER),
        ("PORT_[0-9]{1,5}_(?:TCP|UDP|SCTP)_ADDR", re.compile(r"\S*")),
    )
)
_ELSEWHERE: Final = {"IDENTITY_HOST": "HOST", "IDENTITY_PORT": "PORT"}
_RENAMED: Final = {
    "IDENTITY_ADDRESS_FAILURES": "IDENTITY_IP_FAILURES",
    "IDENTITY_ADDRESS_SECONDS": "IDENTITY_IP_SECONDS",
    "IDENTITY_HASH_PLACES": "IDENTITY_HASH_QUEUE",
    "IDENTITY_LETTER_LIMIT": "IDENTITY_MAIL_LIMIT",
}


def is_service_link(name: str, value: str) -> bool:
    """Tell whether Kubernetes made this variable for a Service whose name begins with `identity`."""
    return any(link.fullmatch(name) and form.fullmatch(value) for link, form in _SERVICE_LINKS)


def require_known(given: Iterable[tuple[str, str]], known: Collection[str]) -> None:
    """Refuse a setting that there is not: a misspelt one would silently leave its default in force.

    Raises:
        SettingError: with the name, never its value, and the one that was probably meant.
    """
    for name, value in sorted(given):
        if name not in known and not is_service_link(name, value):
            raise SettingError(f"{name}: {_unknown(name, known)}")


def _unknown(name: str, known: Collection[str]) -> str:
    if name in _RENAMED:
        return f"this setting is now called {_RENAMED[name]}"
    return f"there is no such setting{_suggested(name, known)}; see `identity --help`"


def _suggested(name: str, known: Collection[str]) -> str:
    if name in _ELSEWHERE:
        return f"; did you mean {_ELSEWHERE[name]}?"
    close = get_close_matches(name.upper(), known, n=1, cutoff=0.8)
    return f"; did you mean {close[0]}?" if close else ""
