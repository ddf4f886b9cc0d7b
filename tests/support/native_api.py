"""A client of the native API that checks refusals: their problem, and that they change nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO, RawIOBase
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from identity.store.models import Base
from support.clock import ManualClock
from support.http import basic, bearer, token_of

CANARY = "c4n4ry-pa55word"
PROBLEM = {"type", "title", "status", "code", "detail", "request_id"}


def row_counts(app: Flask) -> dict[str, int]:
    """Return the number of rows of every table."""
    with app.app_context():
        engine = app.extensions["sqlalchemy"].engine
    with engine.connect() as connection:
        tables = Base.metadata.sorted_tables
        return {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar()
            for table in tables
        }


@dataclass
class NativeApi:
    """An application for many tests, and its client.

    A test leaves no rows that affect another test.
    """

    app: Flask
    clock: ManualClock
    client: FlaskClient = field(init=False)
    _tokens: dict[tuple[str, str], str] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.client = self.app.test_client(use_cookies=False)

    def as_user(self, who: tuple[str, str]) -> dict[str, str]:
        """Return the header of a token, which leaves no trace where a password would; it is bought
        once."""
        if who not in self._tokens:
            self._tokens[who] = token_of(self.client, *who)
        return bearer(self._tokens[who])

    @contextmanager
    def unchanged(self) -> Iterator[None]:
        """Make sure that no row was made or removed."""
        before = row_counts(self.app)
        yield
        now = row_counts(self.app)
        assert now == before, {
            name: (before[name], now[name]) for name in now if now[name] != before[name]
        }

    def refuses(
        self, method: str, path: str, status: int, code: str, **request: Any
    ) -> TestResponse:
        """Send a request that is refused with a problem, changes nothing and gets no secret
        back."""
        with self.unchanged():
            answer = self.client.open(path, method=method, **request)
        require_problem(answer, status, code)
        return answer

    def refuses_body(
        self, body: bytes, status: int, code: str, kind: str | None = "application/json"
    ) -> TestResponse:
        """Send a body to the registration, which refuses it."""
        return self.refuses("POST", "/api/users", status, code, **sent(body, kind))


def sent(
    body: bytes | RawIOBase, kind: str | None = "application/json", *, length: object = None
) -> dict[str, Any]:
    """Return the arguments that send a body as a server would hand it on, with its length or with
    another one."""
    stream = BytesIO(body) if isinstance(body, bytes) else body
    declared = len(body) if isinstance(body, bytes) and length is None else length
    environ = {"wsgi.input": stream, "CONTENT_LENGTH": str(declared)}
    if kind:  # the client would give a multipart form a boundary of its own
        environ["CONTENT_TYPE"] = kind
    return {"content_type": kind, "environ_overrides": environ}


def require_problem(answer: TestResponse, status: int, code: str) -> None:
    """Make sure that an answer is a well-formed problem without a secret."""
    assert (answer.status_code, answer.content_type) == (status, "application/problem+json"), (
        answer.text
    )
    problem = answer.get_json()
    assert problem.keys() - {"errors"} == PROBLEM
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["request_id"] == answer.headers["X-Request-ID"]
    assert CANARY not in answer.text + str(answer.headers)


def statuses(client: FlaskClient, token: str) -> set[int]:
    """Return the statuses that a token gets in each of its carriers."""
    return {
        client.get("/api/resource", headers=headers).status_code
        for headers in (basic(token), bearer(token))
    }
