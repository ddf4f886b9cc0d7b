"""Variables that begin with `IDENTITY_`: settings, those of Kubernetes, and mistakes."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from difflib import get_close_matches
from typing import Final

from identity.settings.readers import SettingError

# Kubernetes sets variables for every Service of the namespace in each container. Those of a Service
# called `identity` or `identity-db` have our prefix (Kubernetes, "Discovering services").
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
    """Return whether Kubernetes set this variable, for a Service with a name such as `identity`."""
    return any(
        name_pattern.fullmatch(name) and value_pattern.fullmatch(value)
        for name_pattern, value_pattern in _SERVICE_LINKS
    )


def require_known(variables: Iterable[tuple[str, str]], known: Collection[str]) -> None:
    """Refuse unknown settings, because a misspelled one would silently have no effect.

    Raises:
        SettingError: with the name and a suggestion, but never with the value.
    """
    for name, value in sorted(variables):
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
