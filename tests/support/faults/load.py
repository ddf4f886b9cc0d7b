"""The load during a fault: callers that register, log in, sign and disable, repeatedly."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from support.accounts import ADMIN
from support.certificates import csr
from support.faults.recorder import Operation, Recorder
from support.waiting import wait_until

CALLERS = 6
_PAUSE_SECONDS = 0.02
_PATIENCE_SECONDS = 0.2  # after a refusal, as a polite client has it
_numbers = itertools.count()


class Load:
    """Registers, logs in, checks tokens, signs certificates and disables accounts, on each node in
    turn."""

    def __init__(self, recorder: Recorder, nodes: Sequence[str], *, mail: bool = False) -> None:
        self.recorder = recorder
        self.nodes = nodes
        self.passwords: dict[str, str] = {}
        self._mail = mail
        self._stop = threading.Event()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Let the callers run meanwhile, and finish what they have begun."""
        self._stop.clear()
        with ThreadPoolExecutor(CALLERS) as pool:
            callers = [pool.submit(self._run) for _ in range(CALLERS)]
            try:
                yield
            finally:
                self._stop.set()
        for caller in callers:
            caller.result()

    def wait_for(self, more: int, *, kind: str = "register", seconds: float = 120) -> None:
        """Wait until so many more of a kind were acknowledged."""
        target = len(self.recorder.ok(kind)) + more
        wait_until(lambda: len(self.recorder.ok(kind)) >= target, seconds=seconds)

    def _run(self) -> None:
        while not self._stop.is_set():
            number = next(_numbers)
            first = number % len(self.nodes)
            nodes = itertools.cycle([*self.nodes[first:], *self.nodes[:first]])
            done = self.live(f"hawk{number}", nodes, number)
            self._stop.wait(_PAUSE_SECONDS if done else _PATIENCE_SECONDS)

    def live(self, name: str, nodes: Iterator[str], number: int) -> bool:
        """Live one life until something is not acknowledged; tell whether all was."""
        password = self.passwords[name] = self.recorder.password()
        wanted = {"username": name, "password": password} | (
            {"email": f"{name}@example.org"} if self._mail else {}
        )
        made = self._call(nodes, "register", name, "POST", "/api/users", body=wanted, expect={201})
        if made.outcome != "ok":
            return False
        login = self._call(nodes, "login", name, "POST", "/api/token", user=f"{name}:{password}")
        if login.outcome != "ok":
            return False
        user = self.recorder.secret(login.json()["token"]) + ":x"
        checks = [
            self._call(nodes, "check", name, "GET", "/api/resource", user=user) for _ in range(3)
        ]
        if number % 4 == 0:
            checks.append(self._sign(nodes, name, user))
        if number % 3 == 0:
            checks.append(self._disable(nodes, name, made, user))
        return all(check.outcome == "ok" for check in checks)

    def _sign(self, nodes: Iterator[str], name: str, user: str) -> Operation:
        body = {"csr": csr()}
        return self._call(
            nodes, "sign", name, "POST", "/api/certificates", user=user, body=body, expect={201}
        )

    def _disable(self, nodes: Iterator[str], name: str, made: Operation, user: str) -> Operation:
        number = made.header("Location").rpartition("/")[2]
        admin, path = ":".join(ADMIN), f"/api/admin/users/{number}/disable"
        done = self._call(nodes, "disable", name, "POST", path, user=admin)
        if done.outcome == "ok":
            for _ in range(2 * len(self.nodes)):
                self._call(
                    nodes, "check", name, "GET", "/api/resource", user=user, expect={200, 401}
                )
        return done

    def _call(
        self, nodes: Iterator[str], kind: str, who: str, method: str, path: str, **more: object
    ) -> Operation:
        return self.recorder.call(next(nodes), method, path, kind=kind, who=who, **more)
