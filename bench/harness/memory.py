"""Finds the workers behind a port, sends requests to each, and reads its memory (Linux only)."""

from __future__ import annotations

import http.client
import os
import re
import signal
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from harness.knobs import WORKERS, note

_TRIES = 200
_PAUSE_SECONDS = 0.1
_KNOWN = re.compile(r"^identity_directory_sessions(?:\{[^}]*\})? ([\d.e+]+)$", re.MULTILINE)


def memory_mib(port: int, pid: int) -> dict[int, float]:
    """Return the proportional set size of each worker in MiB."""
    return {worker: pss_mib(worker) for worker in connections(port, pid)}


def present(port: int, pid: int, path: str, credentials: Sequence[str]) -> None:
    """Send each credential once to every worker."""
    to_workers = connections(port, pid)
    note(f"presenting {len(credentials):,} sessions to each of {len(to_workers)} workers")
    sending = [
        threading.Thread(target=_send, args=(each, path, credentials))
        for each in to_workers.values()
    ]
    for thread in sending:
        thread.start()
    for thread in sending:
        thread.join()
    known = _KNOWN.findall(_get(http.client.HTTPConnection("127.0.0.1", port), "/metrics"))
    note(f"/metrics says that it knows {', '.join(known) or 'nothing'}")


def restart_workers(port: int, pid: int) -> None:
    """Kill every worker of a service, and wait until as many new ones respond."""
    old = connections(port, pid)
    for worker in old:
        os.kill(worker, signal.SIGKILL)
    while len(_connected(port, pid) - old.keys()) < WORKERS:
        time.sleep(_PAUSE_SECONDS)


def _connected(port: int, pid: int) -> set[int]:
    try:
        return set(connections(port, pid))
    except (OSError, http.client.HTTPException, RuntimeError):
        return set()


def connections(port: int, pid: int) -> dict[int, http.client.HTTPConnection]:
    """Open a keep-alive connection to each worker of the service that the process `pid` started."""
    found: dict[int, http.client.HTTPConnection] = {}
    for _ in range(_TRIES):
        connection = http.client.HTTPConnection("127.0.0.1", port)
        _get(connection, "/healthz")
        worker = _owner(_inode(port, connection.sock.getsockname()[1]), pid)
        found.setdefault(worker, connection)
        if len(found) == WORKERS:
            return found
    raise RuntimeError(f"found {len(found)} of {WORKERS} workers")


def _send(connection: http.client.HTTPConnection, path: str, credentials: Sequence[str]) -> None:
    for one in credentials:
        connection.request("GET", path, headers={"Authorization": one})
        answer = connection.getresponse()
        answer.read()
        if answer.status not in {http.client.OK, http.client.NO_CONTENT}:
            raise RuntimeError(f"a token was answered {answer.status}")


def _get(connection: http.client.HTTPConnection, path: str) -> str:
    connection.request("GET", path)
    return connection.getresponse().read().decode()


def _inode(port: int, peer: int) -> str:
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, *rest = line.split()
        if int(local.partition(":")[2], 16) == port and int(remote.partition(":")[2], 16) == peer:
            return rest[6]
    raise RuntimeError("the connection is gone")


def _owner(inode: str, root: int) -> int:
    for process in descendants(root):
        for link in Path(f"/proc/{process}/fd").iterdir():
            try:
                if str(link.readlink()) == f"socket:[{inode}]":
                    return process
            except FileNotFoundError:
                continue
    raise RuntimeError("no worker holds the connection")


def descendants(root: int) -> list[int]:
    """Return a process and all its descendants."""
    children = Path(f"/proc/{root}/task").glob("*/children")
    return [
        root,
        *(
            pid
            for each in children
            for child in each.read_text().split()
            for pid in descendants(int(child))
        ),
    ]


def pss_mib(pid: int) -> float:
    """Return the proportional set size of a process in MiB."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(rollup.partition("\nPss:")[2].split()[0]) / 1024
