"""Clients of the dialects that search every answer for secrets, and bodies that no dialect can
read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from identity.store.models import Account, LoginSession
from support.accounts import populate
from support.database import shared_database, table_rows

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_HASH = re.compile(r"\$argon2|\$2[aby]\$|scrypt:|pbkdf2|bcrypt|hashedToken", re.IGNORECASE)
_DOCUMENTED_500 = {"errors": "authentication_failed"}
# Shorter ones may stand in a random token by chance, and this one is a word of every refusal.
_TELLTALE = 8
_WORDS = {"password"}


@dataclass
class DialectClient:
    """A client of one dialect. It fails on an answer with a secret or an internal error."""

    app: Flask
    base: str
    heard: list[str] = field(default_factory=list)
    said: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.client = self.app.test_client(use_cookies=False)

    def ask(
        self, method: str, path: str, body: Any = None, *, token: str = "", **request: Any
    ) -> TestResponse:
        """Send a request: a mapping as JSON, a form as `data=`."""
        headers = dict(request.pop("headers", {})) | (
            {"Authorization": f"Bearer {token}"} if token else {}
        )
        if body is not None:
            request["json"] = body
        for sent in (request.get("json"), request.get("data")):
            secret = sent.get("password") if isinstance(sent, dict) else None
            if isinstance(secret, str) and len(secret) >= _TELLTALE and secret not in _WORDS:
                self.said.add(secret)
        answer = self.client.open(self.base + path, method=method, headers=headers, **request)
        self._listen(answer)
        return answer

    def get(self, path: str, **request: Any) -> TestResponse:
        return self.ask("GET", path, **request)

    def post(self, path: str, body: Any = None, **request: Any) -> TestResponse:
        return self.ask("POST", path, body, **request)

    def put(self, path: str, body: Any = None, **request: Any) -> TestResponse:
        return self.ask("PUT", path, body, **request)

    def patch(self, path: str, body: Any = None, **request: Any) -> TestResponse:
        return self.ask("PATCH", path, body, **request)

    def _listen(self, answer: TestResponse) -> None:
        if answer.status_code >= 500 and answer.status_code != 503:
            assert answer.json == _DOCUMENTED_500
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Set-Cookie" not in answer.headers
        text = answer.text + str(answer.headers)
        assert not _HASH.search(text), text
        assert not [secret for secret in self.said if secret in text], text
        self.heard.append(text)

    def require_discretion(self) -> None:
        """Make sure that nothing the database keeps to check secrets by was ever said."""
        kept = {row["password_hash"] for row in table_rows(self.app, Account)}
        kept |= {row["digest"] for row in table_rows(self.app, LoginSession) if row["digest"]}
        assert not [text for text in self.heard if any(secret in text for secret in kept)]


@contextmanager
def dialect_client_of(app: Flask, base: str) -> Iterator[DialectClient]:
    """Speak a dialect, and look back over all answers at the end."""
    dialect_client = DialectClient(app, base)
    yield dialect_client
    dialect_client.require_discretion()


@contextmanager
def shared_dialect_client(
    request: pytest.FixtureRequest, factory: pytest.TempPathFactory, base: str
) -> Iterator[DialectClient]:
    """Speak a dialect to one application for many tests: for requests that are refused or only
    read."""
    with shared_database(request, factory) as make:
        app = make()
        populate(app)
        with dialect_client_of(app, base) as dialect_client:
            yield dialect_client


# Bodies that no dialect can read, with the status they get in all of them.
UNREADABLE: dict[str, tuple[dict[str, Any], int]] = {
    "nothing": (
        {
            "data": b"",
            "content_type": "application/json",
            "environ_overrides": {"CONTENT_LENGTH": "0"},
        },
        400,
    ),
    "truncated": ({"data": b'{"password":', "content_type": "application/json"}, 400),
    "a list": ({"data": b"[]", "content_type": "application/json"}, 400),
    "null": ({"data": b"null", "content_type": "application/json"}, 400),
    "too deep": ({"data": b"[" * 60_000, "content_type": "application/json"}, 400),
    "one field twice": (
        {"data": b'{"name":"a","name":"b"}', "content_type": "application/json"},
        400,
    ),
    "NaN": ({"data": b'{"password":NaN}', "content_type": "application/json"}, 400),
    "NUL": ({"data": rb'{"password":"\u0000"}', "content_type": "application/json"}, 400),
    "no UTF-8": ({"data": b'{"password":"\xff"}', "content_type": "application/json"}, 400),
    "a byte order mark": (
        {"data": b'\xef\xbb\xbf{"password":"x"}', "content_type": "application/json"},
        400,
    ),
    "too long": ({"data": b" " * 65_537, "content_type": "application/json"}, 413),
    "text": ({"data": b"name=a", "content_type": "text/plain"}, 415),
    "another multipart": ({"data": b"--x--", "content_type": "multipart/mixed; boundary=x"}, 415),
    "no type": ({"data": b"name=a"}, 415),
    "compressed": (
        {
            "data": b"{}",
            "content_type": "application/json",
            "headers": {"Content-Encoding": "gzip"},
        },
        415,
    ),
    "a length and chunks": (
        {
            "data": b"{}",
            "content_type": "application/json",
            "headers": {"Transfer-Encoding": "chunked"},
        },
        411,
    ),
}
FORM: dict[str, Any] = {
    "data": b"name=a&password=b",
    "content_type": "application/x-www-form-urlencoded",
}
