"""The two modes of the service: an application in either, and the registrations of the five
dialects.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from support.dialects import DialectClient
from support.mail import Mailbox

LONG_PASSWORD = "a rather long passphrase"


EMAIL = "kim@example.org"


KIM = {"email": EMAIL, "password": LONG_PASSWORD, "password_confirm": LONG_PASSWORD}


SETTINGS = {
    "faithful": {"public_url": "http://id.example.org"},
    "hardened": {
        "hardened": "true",
        "public_url": "https://id.example.org",
        "argon2_memory_kib": "19456",
        "argon2_time": "2",
    },
}


@dataclass
class Installation:
    """An application in one of the two modes, with an administrator, and kim made in continuous.sh's
    dialect."""

    app: Flask
    hardened: bool
    say: DialectClient
    mailbox: Mailbox
    uuid: str = ""

    def asks(
        self, path: str, method: str = "GET", body: Any = None, **headers: str
    ) -> TestResponse:
        return self.say.ask(method, path, body, headers=headers)

    def require_status_by_mode(self, answer: TestResponse, faithful: int, hardened: int) -> None:
        assert answer.status_code == (hardened if self.hardened else faithful), answer.text


REGISTRATIONS: dict[str, tuple[str, Callable[[str], dict[str, Any]]]] = {
    "native": ("/api/users", lambda secret: {"username": "lee", "password": secret}),
    "nerveshub": (
        "/nerveshub/users/register",
        lambda secret: {"username": "lee", "password": secret, "email": "lee@example.org"},
    ),
    "wekan": ("/wekan/users/register", lambda secret: {"username": "lee", "password": secret}),
    "continuous": (
        "/continuous/users",
        lambda secret: {"email": "lee@example.org", "password": secret, "password_confirm": secret},
    ),
    "azuma": ("/azuma/users", lambda secret: {"name": "lee", "password": secret}),
}
