"""Registers at a peer, logs in to it, sends requests, and measures their rate."""

from __future__ import annotations

import base64
import http.client
import itertools
import json
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from harness.load import Load, LoadError
from harness.systems import Peer

PASSWORD = "correct-horse-battery-7"  # noqa: S105 - of accounts that exist for a minute
CLIENTS = 8
_OK = range(200, 300)
_numbers = itertools.count(1)
_run = secrets.token_hex(3)


@dataclass(frozen=True)
class Ask:
    """One request."""

    method: str
    path: str
    headers: dict[str, str]
    body: str | None = None


@dataclass(frozen=True)
class Live:
    """A running peer."""

    peer: Peer
    port: int

    def new_name(self) -> str:
        """Return a name that is not in use."""
        name = f"bench-{_run}-{next(_numbers)}"
        return f"{name}@example.com" if self.peer.email_login else name

    def registration(self, name: str) -> Ask:
        """Return the request that creates an account."""
        extra = {key: value.replace("{password}", PASSWORD) for key, value in self.peer.extra}
        return _json(
            "POST", self.peer.register, {self.peer.name_field: name, "password": PASSWORD, **extra}
        )

    def login(self, name: str) -> Ask:
        """Return the request that exchanges a password for a token."""
        peer, body = self.peer, {self.peer.login_field: name, "password": PASSWORD}
        if peer.login_by == "basic":
            pair = base64.b64encode(f"{name}:{PASSWORD}".encode()).decode()
            return Ask("GET", peer.login, {"Authorization": f"Basic {pair}"})
        if peer.login_by == "form":
            return Ask(
                "POST",
                peer.login,
                {"Content-Type": "application/x-www-form-urlencoded"},
                urlencode(body),
            )
        return _json("POST", peer.login, body)

    def loads(self, name: str) -> dict[str, Load]:
        """Log in once, and return two loads: the token check and the token issue.

        Raises:
            LoadError: the check does not name the caller.
        """
        answer = self.ask(self.login(name))
        found: Any = answer
        for key in self.peer.token.split("."):
            found = found[key]
        credential, base = f"{self.peer.scheme}{found}", f"http://127.0.0.1:{self.port}"
        path = self.peer.check.replace("{id}", str(answer.get("record", {}).get("id", "")))
        said = json.dumps(self.ask(Ask("GET", path, {"Authorization": credential})))
        if name not in said:
            raise LoadError(f"{self.peer.name} does not say who asks, but {said[:200]}")
        self.ask(Ask(self.peer.issue_method, self.peer.issue, {"Authorization": credential}))
        issue = Load(base + self.peer.issue, (credential,), method=self.peer.issue_method)
        return {"token check": Load(base + path, (credential,)), "token issue": issue}

    def ask(self, one: Ask) -> dict[str, Any]:
        """Send one request and return the JSON document of the response.

        Raises:
            LoadError: the response was not 2xx.
        """
        status, text = _ask(http.client.HTTPConnection("127.0.0.1", self.port, timeout=60), one)
        if status not in _OK:
            raise LoadError(
                f"{self.peer.name}: {one.method} {one.path} answers {status} {text[:200]!r}"
            )
        document: dict[str, Any] = json.loads(text)
        return document

    def per_second(self, asks: Callable[[int], Ask], *, seconds: float) -> float:
        """Send requests on several connections at once, and return the rate of successful ones."""
        end, counts = time.monotonic() + seconds, [0] * CLIENTS

        def client(number: int) -> None:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
            while time.monotonic() < end:
                counts[number] += _ask(connection, asks(number))[0] in _OK

        clients = [threading.Thread(target=client, args=(number,)) for number in range(CLIENTS)]
        for each in clients:
            each.start()
        for each in clients:
            each.join()
        return sum(counts) / seconds


def _json(method: str, path: str, body: dict[str, str]) -> Ask:
    return Ask(method, path, {"Content-Type": "application/json"}, json.dumps(body))


def _ask(connection: http.client.HTTPConnection, one: Ask) -> tuple[int, str]:
    connection.request(one.method, one.path, one.body, one.headers)
    answer = connection.getresponse()
    return answer.status, answer.read().decode()
