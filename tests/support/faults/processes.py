"""The processes of a running service: which there are, what they hold, how they are killed and
restarted."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from support.live import Live, wait_until_ready
from support.waiting import wait_until

_LISTENING = "0A"  # proc(5), /proc/net/tcp


@dataclass(frozen=True, slots=True)
class Held:
    """What the greediest process of a service holds."""

    threads: int
    files: int
    resident_kib: int


def workers(live: Live) -> list[int]:
    """Return the processes that serve; they come from a process between them and the service's
    first."""
    return [worker for fork_server in fork_servers(live) for worker in _children(fork_server)]


def fork_servers(live: Live) -> list[int]:
    """Return the process that workers are forked from."""
    return [
        child
        for child in _children(live.process.pid)
        if b"forkserver" in _read(f"/proc/{child}/cmdline")
    ]


def all_processes(live: Live) -> list[int]:
    """Return all processes of a service, the first one first."""
    return [live.process.pid, *fork_servers(live), *workers(live)]


def _children(pid: int) -> list[int]:
    return [int(child) for child in _read(f"/proc/{pid}/task/{pid}/children").split()]


def at_work(live: Live) -> list[int]:
    """Return the workers that already listen; one that was just started still imports."""
    port = f":{int(live.base.rpartition(':')[2]):04X}"
    lines = [line.split() for line in _read("/proc/net/tcp").decode().splitlines()]
    sockets = {
        f"socket:[{line[9]}]" for line in lines if line[1].endswith(port) and line[3] == _LISTENING
    }
    return [pid for pid in workers(live) if sockets & _files(pid)]


def held(live: Live) -> Held:
    """Measure the parent and its workers."""
    found = [_held(pid) for pid in (live.process.pid, *workers(live))]
    return Held(
        max(each.threads for each in found),
        max(each.files for each in found),
        max(each.resident_kib for each in found),
    )


def kill(*pids: int) -> None:
    """End processes as the kernel does when memory is short."""
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


def ended(*pids: int) -> bool:
    """Tell whether nothing is left of these processes but their names."""
    return all(
        b"State:\tZ" in status or not status
        for status in (_read(f"/proc/{pid}/status") for pid in pids)
    )


def start_again(live: Live) -> None:
    """Start a service that has ended, on the same port, with the same settings and the same
    log."""
    live.process.wait(timeout=60)
    with live.log.open("ab") as output:
        live.process = subprocess.Popen(
            live.process.args, env=live.environment, stdout=output, stderr=output
        )
    wait_until_ready(live)
    wait_until(lambda: len(at_work(live)) == 2)


def _held(pid: int) -> Held:
    status = dict(
        line.split(":\t", 1)
        for line in _read(f"/proc/{pid}/status").decode().splitlines()
        if ":\t" in line
    )
    return Held(
        int(status["Threads"]),
        len(list(Path(f"/proc/{pid}/fd").iterdir())),
        int(status["VmRSS"].split()[0]),
    )


def _files(pid: int) -> set[str]:
    found = set()
    with suppress(FileNotFoundError, ProcessLookupError):  # the process has ended meanwhile
        for each in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(FileNotFoundError):  # closed meanwhile
                found.add(str(each.readlink()))
    return found


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""
