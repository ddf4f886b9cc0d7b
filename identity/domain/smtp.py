"""Mail servers and senders, as settings specify them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_EMAIL: Final = r"[A-Za-z0-9._+-]+@[A-Za-z0-9.-]+"
_SENDER: Final = re.compile(
    rf'(?P<plain>{_EMAIL})|(?P<name>[^<>"\\]+|"[^<>"\\]+") <(?P<email>{_EMAIL})>'
)


@dataclass(frozen=True, slots=True)
class Sender:
    """The sender of mails: an email, and optionally a display name."""

    email: str
    name: str = ""

    @classmethod
    def parse(cls, text: str) -> Sender:
        """Read `id@example.org` or `Name <id@example.org>`; the name may be quoted.

        Raises:
            ValueError: it is neither.
        """
        found = _SENDER.fullmatch(text) if text.isprintable() else None
        if found is None:
            raise ValueError(
                "use an email such as identity@example.org, or Name <identity@example.org>"
            )
        return cls(found["plain"] or found["email"], (found["name"] or "").strip('" '))


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """A mail server, and how the connection to it is protected."""

    host: str
    port: int
    user: str
    password: str
    tls: bool
    starttls: bool
