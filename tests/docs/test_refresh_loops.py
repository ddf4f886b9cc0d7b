"""The loops that docs/tour.md and docs/clients.md show outlive an outage and a restart, and end on
a 401 only.

They run as they are printed. Their sleeps are noted in a file and are over at once, so that an
outage of two minutes
by their own count takes seconds.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from support.accounts import ADMIN
from support.live import COMMAND, Live, serving, wait_until_ready
from support.tours import BASE, read_page, section

OUTAGE_SECONDS = 120
BROKEN = [
    500,
    502,
    503,
    504,
    429,
    403,
    404,
    400,
    None,
]  # as a proxy answers; None breaks off within a good answer
LAST_WORDS = "No new token: log in again."
# In front of each program: a sleep that notes how long it should have been.
SLEEPS = {
    "sh": 'sleep() { echo "$1" >>"$NAPS"; command sleep 0.02; }',
    "python": """
import os as _os, time as _time
def _nap(seconds, _real=_time.sleep):
    with open(_os.environ["NAPS"], "a") as naps:
        print(seconds, file=naps)
    _real(0.02)
_time.sleep = _nap
""",
    "js": """
import { appendFileSync } from "node:fs";
const realTimeout = globalThis.setTimeout;
globalThis.setTimeout = (done, milliseconds, ...rest) => {
  if (rest.length) return realTimeout(done, milliseconds, ...rest); // one of fetch's own
  appendFileSync(process.env.NAPS, `${milliseconds / 1000}\\n`);
  return realTimeout(done, 20);
};
""",
}
COMMANDS = {
    "sh": ["sh", "-eu"],
    "python": [sys.executable, "-"],
    "js": ["node", "--input-type=module", "-"],
}


class Loop:
    """A loop at work: what it has printed, and for how long it has slept by its own count."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Path, *, user: str) -> None:
        self.process, self.user = process, user
        self._printed, self._naps = folder / "printed", folder / "naps"

    def work_done(self) -> int:
        return self._printed.read_text("utf-8").count("Hello, ")

    def slept(self) -> list[float]:
        return [float(line) for line in self._naps.read_text("utf-8").split()]

    def last_words(self) -> str:
        self.process.wait(timeout=60)
        return self._printed.read_text("utf-8").splitlines()[-1]

    def wait_for(self, what: Callable[[], bool]) -> None:
        end = time.monotonic() + 60
        while not what():
            assert self.process.poll() is None, (
                f"the loop has ended:\n{self._printed.read_text('utf-8')}"
            )
            assert time.monotonic() < end, f"nothing happens:\n{self._printed.read_text('utf-8')}"
            time.sleep(0.05)

    def work_goes_on(self) -> None:
        """Wait until more work is done than so far."""
        before = self.work_done()
        self.wait_for(lambda: self.work_done() > before)

    def waits(self, seconds: float) -> None:
        """Wait until the loop has waited so long for a token."""
        before = len(self.slept())
        self.wait_for(lambda: sum(nap for nap in self.slept()[before:] if nap < 300) >= seconds)


def program(kind: str) -> str:
    """Return the loop as its page prints it."""
    page = read_page("docs/clients.md")
    texts = {
        "sh": section(read_page("docs/tour.md"), "Keep a token alive").replace(
            "betterpwd", "newpwd"
        ),
        "python": section(page, "Python"),
        "js": section(page, "Node"),
    }
    (found,) = re.findall(rf"^```{kind}\n(.*?)^```$", texts[kind], re.MULTILINE | re.DOTALL)
    return str(found)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Live]:
    with serving(tmp_path) as live:
        yield live


@pytest.fixture(params=[("sh", "python"), ("js",)], ids=",".join)
def loops(request: pytest.FixtureRequest, service: Live, tmp_path: Path) -> Iterator[list[Loop]]:
    """Loops at work beside one another, each for a user of its own."""
    with ExitStack() as running:
        yield [
            running.enter_context(at_work(service, kind, tmp_path / kind)) for kind in request.param
        ]


@contextmanager
def at_work(service: Live, kind: str, folder: Path) -> Iterator[Loop]:
    if kind == "js":
        require("node")
    name = f"hawk-{kind}"
    registered = service.curl("/api/users", "-d", f"username={name}", "-d", "password=newpwd")
    folder.mkdir()
    (folder / "naps").touch()
    with (folder / "printed").open("wb") as output:
        process = subprocess.Popen(
            COMMANDS[kind],
            env=service.environment | {"NAPS": str(folder / "naps")},
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
        )
    assert process.stdin
    typed = program(kind).replace(BASE, service.base).replace("hawk", name)
    process.stdin.write(f"{SLEEPS[kind]}\n{typed}".encode())
    process.stdin.close()
    try:
        yield Loop(process, folder, user=(registered.header("Location") or "").rpartition("/")[2])
    finally:
        process.kill()
        process.wait()


def require(command: str) -> None:
    if shutil.which(command):
        return
    if os.environ.get("CI") == "true":
        pytest.fail(f"no {command}")
    pytest.skip(f"no {command}: install it to run the loop")


def test_the_loops_outlive_an_outage_broken_answers_and_a_restart_and_end_on_401(
    loops: list[Loop], service: Live
) -> None:
    for loop in loops:
        loop.work_goes_on()
    service.stop()
    for loop in loops:
        loop.waits(OUTAGE_SECONDS)
    with answering(service, BROKEN) as told:
        for loop in loops:
            loop.waits(OUTAGE_SECONDS)
        assert set(told) == set(BROKEN)
    start_again(service)
    for loop in loops:
        loop.work_goes_on()
        end_sessions(service, loop.user)
        assert loop.last_words().endswith(LAST_WORDS)


def end_sessions(service: Live, user: str) -> None:
    answer = service.curl(f"/api/admin/users/{user}/revoke", "-X", "POST", "-u", ":".join(ADMIN))
    assert answer.status == 200


def start_again(service: Live) -> None:
    """Serve at the same port, with the same data."""
    port = str(urlsplit(service.base).port)
    with service.log.open("ab") as output:
        service.process = subprocess.Popen(
            [COMMAND, "serve", "--port", port, "--workers", "2"],
            env=service.environment,
            stdout=output,
            stderr=output,
        )
    wait_until_ready(service)


@contextmanager
def answering(service: Live, statuses: list[int | None]) -> Iterator[list[int | None]]:
    """Answer at the service's port in its place, with one status after the other."""
    told: list[int | None] = []
    turns = count()

    class Broken(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status = statuses[next(turns) % len(statuses)]
            self.send_response(status or 200)
            self.send_header("Content-Length", "100")
            self.end_headers()
            self.wfile.write(b"<" * (100 if status else 10))
            told.append(status)

        def log_message(self, *_arguments: Any) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", urlsplit(service.base).port or 0), Broken) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield told
        server.shutdown()
        thread.join()
