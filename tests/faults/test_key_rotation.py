"""Keys rotate under live nodes that share a data directory, while a client renews, logs in and
checks JWTs offline."""

from __future__ import annotations

import json
import re
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from itertools import cycle
from pathlib import Path
from typing import Any

import jwt as pyjwt
import pytest

from support.http import basic, bearer
from support.live import Live, identity, serving
from support.postgresql import Database

USER = {
    "email": "email@domain.tld",
    "password": "correct horse",
    "password_confirm": "correct horse",
}
GRACE_SECONDS = 4


def call(base: str, path: str, headers: dict[str, str], body: object = None) -> Any:
    """Call and return the JSON; anything but success raises."""
    data = None if body is None else json.dumps(body).encode()
    asked = urllib.request.Request(
        base + path, data, headers | {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(asked, timeout=60) as answer:
        return json.load(answer)


class Client(threading.Thread):
    """Lives on tokens: each is made by one node and used at the next; what is refused is kept."""

    def __init__(self, nodes: tuple[Live, ...]) -> None:
        super().__init__(daemon=True)
        self.bases = cycle([node.base for node in nodes])
        self.refused: list[object] = []
        self.kids: list[str] = []
        self.rounds = 0
        self.done = threading.Event()
        self.token = call(next(self.bases), "/api/token", basic("admin", "changeme"))["token"]
        self.jwts = [call(next(self.bases), "/continuous/sessions", {}, USER)["token"]]

    def run(self) -> None:
        while not self.done.is_set():
            try:
                self.go_round()
            except (OSError, pyjwt.PyJWTError, KeyError) as error:
                self.refused.append(error)

    def go_round(self) -> None:
        """Renew at one node, work at the other; a JWT of one node is checked with the keys of the
        other."""
        self.token = call(next(self.bases), "/api/token", basic(self.token), {})["token"]
        call(next(self.bases), "/api/resource", bearer(self.token))
        if self.rounds % 5 == 0:
            self.jwts.append(call(next(self.bases), "/continuous/sessions", {}, USER)["token"])
        base = next(self.bases)
        known = pyjwt.PyJWKSet.from_dict(call(base, "/.well-known/jwks.json", {}))
        for token in (self.jwts[0], self.jwts[-1]):
            kid = pyjwt.get_unverified_header(token)["kid"]
            pyjwt.decode(token, known[kid], algorithms=["ES256"], audience="identity")
            call(base, "/api/resource", bearer(token))
        self.kids.append(pyjwt.get_unverified_header(self.jwts[-1])["kid"])
        self.rounds += 1


@pytest.fixture(params=["sqlite", "postgresql"])
def nodes(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Live, Live]]:
    """Two services on one data directory and one database."""
    with ExitStack() as stack:
        settings = {"sessions_per_account": "10000"}  # none is dropped, however fast the client is
        if request.param == "postgresql":
            server = request.getfixturevalue("postgresql_server")
            settings["database_url"] = stack.enter_context(Database(server, "template0"))
        one = stack.enter_context(serving(tmp_path, **settings))
        two = stack.enter_context(serving(tmp_path, "--workers", "1", **settings))
        call(one.base, "/continuous/users", {}, USER)
        yield one, two


def wait_for(client: Client, kids: int) -> None:
    end = time.monotonic() + 60
    while len(set(client.kids)) < kids and time.monotonic() < end:
        time.sleep(0.1)
    assert len(set(client.kids)) == kids, client.refused


def kids(node: Live) -> set[str]:
    return {key["kid"] for key in node.curl("/.well-known/jwks.json").json()["keys"]}


def status(node: Live, token: str) -> int:
    return node.curl("/api/resource", "-H", f"Authorization: Bearer {token}").status


def shorten(data_dir: Path) -> None:
    """Bring the end of the old keys near: no test waits for the 24 hours of a mailed token."""
    soon = f"accepted_until={datetime.now(UTC) + timedelta(seconds=3):%Y-%m-%dT%H:%M:%SZ}"
    for path in (data_dir / "secret_keys", *data_dir.glob("jwt_keys/*.pem")):
        path.write_text(re.sub(r"accepted_until=\S+", soon, path.read_text()))


def test_no_token_is_refused_while_keys_rotate_and_old_keys_are_out_afterwards(
    nodes: tuple[Live, Live], tmp_path: Path
) -> None:
    client = Client(nodes)
    first = client.token, client.jwts[0]
    client.start()
    rotated = identity(nodes[0].environment, "rotate-keys", "--grace", str(GRACE_SECONDS))
    assert rotated.returncode == 0, rotated.stderr
    wait_for(client, 2)
    rounds = client.rounds
    while client.rounds < rounds + 10:
        time.sleep(0.1)
    client.done.set()
    client.join(60)
    assert client.refused == []
    assert [kids(node) for node in nodes] == [set(client.kids)] * 2
    old, new = client.kids[0], client.kids[-1]
    shorten(tmp_path)
    time.sleep(5)
    assert [kids(node) for node in nodes] == [{new}] * 2
    assert old != new
    for node in nodes:
        assert [status(node, token) for token in first] == [401, 401]
        assert [status(node, token) for token in (client.token, client.jwts[-1])] == [200, 200]
    now = identity(nodes[1].environment, "rotate-keys", "--now")
    assert now.returncode == 0, now.stderr
    time.sleep(1.5)
    for node in nodes:
        assert [status(node, token) for token in (client.token, client.jwts[-1])] == [401, 401]
        assert call(node.base, "/api/token", basic("admin", "changeme"))["token"]
    assert not any(re.search(r"Traceback|\"status\": 5", node.output()) for node in nodes)
