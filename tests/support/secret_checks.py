"""A client that searches every answer for secrets."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Flask
from sqlalchemy import select
from werkzeug.test import TestResponse

from identity.store.models import Account
from support.accounts import ADMIN, HAWK
from support.buffered_client import BufferedClient
from support.http import basic

PROFILE = {
    "id",
    "uuid",
    "username",
    "email",
    "email_verified",
    "pending_email",
    "full_name",
    "admin",
    "activated",
} | {
    "created_at",
    "updated_at",
}
USER = PROFILE | {"disabled", "must_change_password", "locked_until"}
FORMS = ("$argon2", "$2a$", "$2b$", "scrypt:", "pbkdf2", "password_hash", "short_id", "canonical")


class CheckedClient(BufferedClient):
    """Keeps every password it sends, and looks for all of them, and for every stored hash, in every
    answer."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.passwords = {ADMIN[1], HAWK[1]}

    def open(self, *args: Any, **request: Any) -> TestResponse:
        """Send a request and search its answer."""
        body = request.get("json") or {}
        self.passwords |= {
            body[name] for name in ("password", "current_password") if body.get(name)
        }
        answer = super().open(*args, **request)
        said = answer.text + "\n".join(f"{name}: {value}" for name, value in answer.headers)
        found = [
            secret
            for secret in (*FORMS, *self.passwords, *_hashes(self.application))
            if secret in said
        ]
        assert not found, said
        return answer

    def ask(self, method: str, path: str, status: int, who: Any = None, **body: Any) -> Any:
        """Send a request as `who`, a name and password or a token, and return its JSON; nothing for
        204."""
        who = (who,) if isinstance(who, str) else who
        headers = basic(*who) if who else {}
        answer = self.open(path, method=method, headers=headers, **({"json": body} if body else {}))
        assert answer.status_code == status, answer.text
        if status == 204:
            assert (answer.data, "Content-Type" in answer.headers) == (b"", False)
        return answer.get_json(silent=True)

    def refused(self, method: str, path: str, status: int, who: Any = None, **body: Any) -> str:
        """Send a request that is refused and return the code of the problem."""
        code: str = self.ask(method, path, status, who, **body)["code"]
        return code

    def token(self, who: Any) -> str:
        """Return a token for a name and password, or for a token."""
        token: str = self.ask("POST", "/api/token", 200, who)["token"]
        return token


def checked_client(app: Flask) -> CheckedClient:
    """Return a watched client of an application."""
    app.test_client_class = CheckedClient
    client = app.test_client(use_cookies=False)
    assert isinstance(client, CheckedClient)
    return client


def _hashes(app: Flask) -> list[str]:
    with app.app_context():
        engine = app.extensions["sqlalchemy"].engine
    with engine.connect() as connection:
        stored = connection.execute(select(Account.password_hash)).scalars().all()
    return [part for text in stored for part in (text, text.rpartition("$")[2])]


def time(text: str) -> datetime:
    """Read a time as the service writes it: with its zone."""
    moment = datetime.fromisoformat(text)
    assert moment.tzinfo is not None
    return moment
