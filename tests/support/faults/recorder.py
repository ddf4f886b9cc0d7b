"""Every call that a fault experiment makes is written down: what was asked, by whom, when, and what
came back."""

from __future__ import annotations

import base64
import http.client
import itertools
import json
import secrets
import threading
import time
import zlib
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

PUT_OFF = frozenset({429, 503})


@dataclass(frozen=True, slots=True)
class Operation:
    """One call. Without a status its outcome is unknown.

    Times are of the monotonic clock, in seconds.
    """

    kind: str
    node: str
    who: str
    asked: float
    answered: float
    expected: AbstractSet[int]
    request_id: str
    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""

    @property
    def outcome(self) -> str:
        """Say `ok`, `fail` (as it should), `put off`, `unknown`, or `wrong`: an unexpected answer."""
        if self.status is None:
            return "unknown"
        if self.status in PUT_OFF:
            return "put off"
        if self.status not in self.expected:
            return "wrong"
        return "ok" if self.status < 400 else "fail"

    def header(self, name: str) -> str:
        """Return a header, or nothing."""
        return next((value for known, value in self.headers if known.lower() == name.lower()), "")

    def json(self) -> Any:
        """Return the body as JSON."""
        return json.loads(self.body)

    def __str__(self) -> str:
        return f"{self.kind} of {self.who} on {self.node}: {self.outcome}, {self.status} {self.body[:200]}"


class Recorder:
    """Calls nodes and keeps what happened, together with every secret that was used or given
    out."""

    def __init__(self) -> None:
        self.operations: list[Operation] = []
        self.windows: list[tuple[float, float]] = []
        self._secrets: set[str] = set()
        self._numbers = itertools.count()
        self._run = secrets.token_hex(3)
        self._lock = threading.Lock()

    @property
    def secrets(self) -> frozenset[str]:
        """Return what must be found nowhere."""
        with self._lock:
            return frozenset(self._secrets)

    def password(self) -> str:
        """Return a new password that is looked for afterwards."""
        return self.secret(f"canary-{secrets.token_hex(8)}-Passw0rd")

    def secret(self, text: str) -> str:
        """Look for this afterwards, too."""
        with self._lock:
            self._secrets.add(text)
        return text

    def call(
        self,
        node: str,
        method: str,
        path: str,
        *,
        kind: str,
        who: str,
        user: str | None = None,
        body: object = None,
        expect: AbstractSet[int] = frozenset({200}),
        timeout: float = 25,
    ) -> Operation:
        """Make one call; `user` is what stands behind `curl -u`."""
        request_id = f"fault-{self._run}-{next(self._numbers)}"
        headers = {"X-Request-ID": request_id, "Connection": "close"}
        if user is not None:
            headers["Authorization"] = "Basic " + base64.b64encode(user.encode()).decode()
        data = None
        if body is not None:
            headers["Content-Type"], data = "application/json", json.dumps(body)
        asked = time.monotonic()
        try:
            status, got, text = _exchange(node, _ip_of(who), timeout, method, path, data, headers)
        except (OSError, http.client.HTTPException) as error:
            done = Operation(
                kind, node, who, asked, time.monotonic(), expect, request_id, body=repr(error)
            )
        else:
            done = Operation(
                kind,
                node,
                who,
                asked,
                time.monotonic(),
                expect,
                request_id,
                status,
                tuple(got),
                text,
            )
        with self._lock:
            self.operations.append(done)
        return done

    def ok(self, *kinds: str) -> list[Operation]:
        """Return what was acknowledged, of these kinds or of all."""
        with self._lock:
            return [
                each
                for each in self.operations
                if each.outcome == "ok" and (not kinds or each.kind in kinds)
            ]

    @contextmanager
    def fault(self) -> Iterator[None]:
        """Something is broken meanwhile: until five seconds later calls may be put off or get no
        answer."""
        begun = time.monotonic()
        self.windows.append((begun, float("inf")))
        yield
        self.windows[-1] = (begun, time.monotonic())

    def excused(self, operation: Operation, *, grace_seconds: float = 5) -> bool:
        """Tell whether a call met a fault."""
        return any(
            begun <= operation.answered and operation.asked <= ended + grace_seconds
            for begun, ended in self.windows
        )


def _exchange(
    node: str, source: str, timeout: float, *request: Any
) -> tuple[int, list[tuple[str, str]], str]:
    method, path, data, headers = request
    connection = http.client.HTTPConnection(
        node.removeprefix("http://"), timeout=timeout, source_address=(source, 0)
    )
    try:
        connection.request(method, path, data, headers)
        answer = connection.getresponse()
        return answer.status, answer.getheaders(), answer.read().decode("utf-8", "replace")
    finally:
        connection.close()


def _ip_of(who: str) -> str:
    # Every caller has its own IP, so that no limit per IP is met.
    number = zlib.crc32(who.encode())
    return f"127.{1 + number % 250}.{(number >> 8) % 250}.{1 + (number >> 16) % 250}"
