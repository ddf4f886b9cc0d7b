"""A body that arrives after its sender lost their rights changes nothing, on two real nodes and
both databases."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from support.accounts import ADMIN
from support.database import rows
from support.http import basic
from support.two_nodes import Pair, new_name, two_nodes

PASSWORD = "a-long-passphrase-9"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def pair(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pair]:
    with two_nodes(request, tmp_path_factory) as nodes:
        yield nodes


class Held:
    """A request whose head and first byte were sent to one node, and whose rest waits."""

    def __init__(
        self, pair: Pair, method: str, path: str, body: object, headers: dict[str, str]
    ) -> None:
        host, _, port = pair.host(0).partition(":")
        text = json.dumps(body).encode()
        head = {
            "Host": pair.host(0),
            "Content-Type": "application/json",
            "Content-Length": str(len(text)),
            "Connection": "close",
        }
        lines = [
            f"{method} {path} HTTP/1.1",
            *(f"{name}: {value}" for name, value in (head | headers).items()),
        ]
        self.rest = text[1:]
        self.connection = socket.create_connection((host, int(port)), timeout=60)
        self.connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + text[:1])
        time.sleep(0.3)  # the credential is checked before the body is read

    def finish(self) -> int:
        self.connection.sendall(self.rest)
        answer = b""
        while received := self.connection.recv(65536):
            answer += received
        self.connection.close()
        return int(answer.split()[1])


ROUTES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "native user": (
        "POST",
        "/api/admin/users",
        {"username": "{new}", "password": PASSWORD, "admin": True},
    ),
    "wekan user": ("POST", "/wekan/api/users", {"username": "{new}", "password": PASSWORD}),
    "own name": ("PATCH", "/api/users/me", {"username": "{new}"}),
}
ENDINGS = {
    "deleted": ("DELETE", "", None),
    "disabled": ("POST", "/disable", None),
    "demoted": ("PATCH", "", {"admin": False}),
    "revoked": ("POST", "/revoke", None),
}


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("route", ROUTES)
def test_a_body_held_back_until_its_sender_is_out_changes_nothing(
    pair: Pair, route: str, ending: str
) -> None:
    name, new = new_name("mallory"), new_name("ghost")
    wanted = {"username": name, "password": PASSWORD, "admin": True}
    made = pair.ask(1, "POST", "/api/admin/users", wanted, basic(*ADMIN))
    assert made.status == 201, made.text
    method, path, body = ROUTES[route]
    sent = {
        key: value.format(new=new) if isinstance(value, str) else value
        for key, value in body.items()
    }
    held = Held(pair, method, path, sent, basic(name, PASSWORD))
    how, more, given = ENDINGS[ending]
    ended = pair.ask(1, how, f"/api/admin/users/{made.json()['id']}{more}", given, basic(*ADMIN))
    assert ended.status in {200, 204}, ended.text
    assert held.finish() in {200, 401, 403}  # Wekan tells a refusal with 200 and an error object
    assert rows(pair.app, f"SELECT id FROM account WHERE username = '{new}'") == []  # noqa: S608 - our own name
