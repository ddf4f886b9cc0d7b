"""Two services of one worker each on one database, spoken to over the wire, and the rows behind
them."""

from __future__ import annotations

import http.client
import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from identity import create_app
from support.app import close, config
from support.concurrency import at_once
from support.live import Live, serving
from support.postgresql import Database
from support.waiting import wait_until

LIMIT = 30  # wrong passwords until a name is locked
SECRET = "0123456789abcdef0123456789abcdef"
UNLIMITED = {  # per IP: here all callers share one
    "ip_failures": "0",
    "registration_limit": "0",
    "reset_limit": "0",
    "requested_mail_limit": "0",
    "certificate_limit": "0",
}
SETTINGS = UNLIMITED | {
    "hash_queue": "64",
    "database_pool": "20",
    "lockout_failures": str(LIMIT),
    "trusted_proxies": "127.0.0.1",
    "proxy_secret": SECRET,
}
numbers = itertools.count()


@dataclass(frozen=True)
class Reply:
    """An answer over the wire."""

    status: int
    headers: Mapping[str, str]
    text: str

    def json(self) -> Any:
        return json.loads(self.text)


@dataclass
class Kept:
    """One connection, kept alive over all of its requests."""

    host: str
    connection: http.client.HTTPConnection = field(init=False)

    def __post_init__(self) -> None:
        self.connection = http.client.HTTPConnection(self.host, timeout=60)

    def ask(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        sent = None if body is None else json.dumps(body)
        kind = {} if body is None else {"Content-Type": "application/json"}
        self.connection.request(method, path, sent, {**kind, **(headers or {})})
        answer = self.connection.getresponse()
        text = answer.read().decode()
        assert not answer.will_close, "the connection was to be kept"
        return Reply(answer.status, dict(answer.getheaders()), text)

    def close(self) -> None:
        self.connection.close()


@dataclass
class Pair:
    """Two nodes, an application on the same database and keys to look behind them, and the address
    of the database."""

    nodes: tuple[Live, Live]
    app: Flask
    database_url: str

    def host(self, number: int) -> str:
        return self.nodes[number % 2].base.removeprefix("http://")

    def ask(
        self,
        number: int,
        method: str,
        path: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Ask one of the two over a connection of its own."""
        kept = Kept(self.host(number))
        try:
            return kept.ask(method, path, body, headers)
        finally:
            kept.close()

    def race(self, *asks: Sequence[Any]) -> list[Reply]:
        """Send requests at the same moment, in turns to the one and the other node."""
        replies: list[Reply] = at_once(
            *(lambda n=n, ask=ask: self.ask(n, *ask) for n, ask in enumerate(asks))
        )
        assert not [
            each
            for each in replies
            if each.status == 500 and "authentication_failed" not in each.text
        ], replies
        return replies


def require_one_winner(replies: Sequence[Reply], won: int, lost: int) -> int:
    """Make sure that one got what all wanted, and return which; a busy machine may put others off
    unheard."""
    found = statuses(replies)
    assert found[won] == 1, found
    assert found.keys() <= {won, lost, 503}, found
    return next(number for number, each in enumerate(replies) if each.status == won)


def statuses(replies: Sequence[Reply]) -> dict[int, int]:
    """Count the replies by their status."""
    return dict(Counter(each.status for each in replies))


@contextmanager
def two_nodes(
    request: pytest.FixtureRequest, factory: pytest.TempPathFactory, **settings: str
) -> Iterator[Pair]:
    """Serve on two ports; `request.param` says on which engine."""
    data_dir = factory.mktemp("nodes")
    with ExitStack() as stack:
        url = f"sqlite:///{data_dir / 'identity.sqlite3'}"
        if request.param == "postgresql":
            database = Database(request.getfixturevalue("postgresql_server"), "template0")
            database.name += "_nodes"
            url = stack.enter_context(database)
        given = SETTINGS | settings | {"database_url": url}
        arguments = ("--workers", "1", "--threads", "8")
        one = stack.enter_context(serving(data_dir, *arguments, **given))
        two = stack.enter_context(serving(data_dir, *arguments, **given))
        app = create_app(config(data_dir, **given))
        stack.callback(close, app)
        yield Pair((one, two), app, url)


def within_a_second(fact: Callable[[], object]) -> None:
    """Wait until a fact is true, for a second at most."""
    wait_until(fact, seconds=1)


def new_name(stem: str = "bird") -> str:
    """Return an unused name."""
    return f"{stem}{next(numbers):05}"


def data_directory(pair: Pair) -> Path:
    """Return the directory that both nodes share."""
    return Path(pair.nodes[0].environment["IDENTITY_DATA_DIR"])
