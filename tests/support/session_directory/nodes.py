"""A node of the service that a test drives: in this process, or in one of its own, which takes a
line for each call."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from unittest.mock import patch

from flask import Flask
from sqlalchemy import Engine, text

from identity import create_app
from identity.domain.errors import Unauthenticated
from identity.domain.principal import Principal, operator
from identity.domain.token_kinds import TokenKind
from identity.services.accounts.changes import ProfileChange
from identity.services.accounts.registration import NewAccount
from identity.services.sessions import journal as journals
from identity.store import feeds as feed_room
from identity.store.feeds import Feed
from identity.store.journal import Reader
from identity.store.sqlite.feed import SqliteFeed
from support.app import ORIGIN, close, config, principal, services
from support.clock import ManualClock

_Result = TypeVar("_Result")
Answer = tuple[int, str, bool, int]  # id, name, rights and version of the token's account
_TESTS = Path(__file__).parents[2]
_END = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE application_name = :name AND pid <> pg_backend_pid()"
)


class DeafFeed:
    """A feed that can be told to say that it is not current."""

    def __init__(self, inner: Feed) -> None:
        self.inner, self.deaf = inner, False

    def is_current(self) -> bool:
        return not self.deaf and self.inner.is_current()

    def notify(self) -> None:
        self.inner.notify()

    def lag(self) -> float:
        return self.inner.lag()

    def close(self) -> None:
        self.inner.close()


class Node:
    """One application on a database that it shares with others. What a refused caller gets is
    None."""

    def __init__(
        self, database_url: str, data_dir: Path, name: str, clock: ManualClock, **settings: str
    ) -> None:
        self.name, self.clock = f"identity-test-{name}", clock
        feeds: list[DeafFeed] = []

        def open_feed(engine: Engine, reader: Reader) -> DeafFeed:
            feeds.append(DeafFeed(feed_room.open_feed(engine, reader)))
            return feeds[0]

        url = database_url + (
            f"?application_name={self.name}" if "postgresql" in database_url else ""
        )
        with patch.object(journals, "open_feed", open_feed):
            self.app: Flask = create_app(
                config(data_dir, database_url=url, **settings), clock=clock
            )
        self.services, self.feed = services(self.app), feeds[0]

    def close(self) -> None:
        close(self.app)

    def advance(self, seconds: int) -> None:
        self.clock.advance(seconds=seconds)

    def is_current(self) -> bool:
        return self.feed.is_current()

    def set_deaf(self, deaf: bool) -> None:
        self.feed.deaf = deaf

    def lose_feed(self) -> None:
        if isinstance(self.feed.inner, SqliteFeed):
            if self.feed.inner._connection is not None:
                self.feed.inner._connection.close()
            return
        with self.services.schema._engine.connect() as connection:
            connection.execute(text(_END), {"name": self.name})

    def create(self, name: str, password: str) -> int:
        return self.services.accounts.create(operator(), NewAccount(name, password), admin=False).id

    def create_admin(self, name: str, password: str) -> int:
        return self.services.accounts.create(operator(), NewAccount(name, password), admin=True).id

    def log_in(self, name: str, password: str, kind: str) -> str | None:
        def issue() -> str:
            proven = principal(self.app, name, password)
            if kind == TokenKind.ACCESS:
                return self.services.tokens.issue(proven).token
            return self.services.logins.open(proven, TokenKind(kind)).token

        return _unless_refused(issue)

    def ask(self, token: str) -> Answer | None:
        def answer() -> Answer:
            found = self._of(token).account
            return found.id, found.username, found.admin, found.version

        return _unless_refused(answer)

    def renew(self, token: str) -> str | None:
        return _unless_refused(lambda: self.services.tokens.issue(self._of(token)).token)

    def log_out(self, token: str) -> None:
        self.services.tokens.revoke_current(self._of(token))

    def log_out_everywhere(self, token: str) -> None:
        self.services.tokens.revoke_all(self._of(token))

    def change_password(self, token: str, old: str, new: str) -> None:
        self.services.profiles.change(
            self._of(token), ProfileChange(), password=new, current_password=old
        )

    def rename_oneself(self, token: str, name: str, password: str) -> None:
        self.services.profiles.change(
            self._of(token), ProfileChange(username=name), current_password=password
        )

    def rename(self, account_id: int, name: str) -> None:
        self.services.administration.change(operator(), account_id, ProfileChange(username=name))

    def set_admin(self, account_id: int, admin: bool) -> None:
        self.services.administration.change(operator(), account_id, ProfileChange(), admin=admin)

    def set_password(self, account_id: int, password: str) -> None:
        self.services.administration.change(
            operator(), account_id, ProfileChange(), password=password
        )

    def disable(self, account_id: int) -> None:
        self.services.administration.disable(operator(), account_id)

    def enable(self, account_id: int) -> None:
        self.services.administration.enable(operator(), account_id)

    def revoke_sessions(self, account_id: int) -> None:
        self.services.administration.revoke_sessions(operator(), account_id)

    def delete(self, account_id: int) -> None:
        self.services.administration.delete(operator(), account_id)

    def _of(self, token: str) -> Principal:
        return self.services.authentication.by_token(token, ORIGIN)


def _unless_refused(work: Callable[[], _Result]) -> _Result | None:
    try:
        return work()
    except Unauthenticated:
        return None


class RemoteNode:
    """A node in a process of its own: each method of `Node`, called by a line of JSON and answered
    by one."""

    def __init__(self, database_url: str, data_dir: Path, name: str) -> None:
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "support.session_directory.nodes",
                database_url,
                str(data_dir),
                name,
            ],
            env=os.environ | {"PYTHONPATH": os.pathsep.join([str(_TESTS.parent), str(_TESTS)])},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __getattr__(self, verb: str) -> Callable[..., Any]:
        if verb.startswith("_") or not hasattr(Node, verb):
            raise AttributeError(verb)

        def call(*arguments: Any) -> Any:
            assert self._process.stdin
            assert self._process.stdout
            self._process.stdin.write(json.dumps([verb, *arguments]) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
            assert line, "the node has ended"
            answer = json.loads(line)
            return tuple(answer) if isinstance(answer, list) else answer

        return call

    def close(self) -> None:
        try:
            self._process.communicate(timeout=60)  # it ends with its input
        finally:
            self._process.kill()
        assert self._process.returncode == 0


def _serve(database_url: str, data_dir: str, name: str) -> None:
    node = Node(database_url, Path(data_dir), name, ManualClock())
    for line in sys.stdin:
        verb, *arguments = json.loads(line)
        print(json.dumps(getattr(node, verb)(*arguments)), flush=True)  # noqa: T201 - the protocol
    node.close()


if __name__ == "__main__":
    _serve(*sys.argv[1:])
