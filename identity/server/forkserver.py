"""Where the workers of `identity serve` come from: a process that has imported everything and done nothing else.

Workers are forked from it, so they begin at once and share the memory of what they import. A fork of the serving
process itself would inherit its database connections and threads.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import forkserver, resource_tracker
from typing import Final

_METRICS_DIRECTORY: Final = "PROMETHEUS_MULTIPROC_DIR"
_CONNECTIONS: Final = (
    2048  # open per worker, most of them idle: what bounds work is the number of threads
)
_OTHER_FILES: Final = 256  # database, metrics, libraries
_FILES: Final = resource.RLIMIT_NOFILE
# glibc: a heap for each thread, also on a few processors. In one that is shared, small things settle in the memory of a
# hash between two of them, and the next one takes as much anew.
_ALLOCATION: Final = {"GLIBC_TUNABLES": "glibc.malloc.arena_max=64"}


@contextmanager
def forkserver_for(arguments: Sequence[str], *, modules: list[str]) -> Iterator[None]:
    """Prepare for the workers of a command that serves, and clean up behind them.

    Args:
        arguments: of the command.
        modules: what the workers need imported.
    """
    if arguments[:1] != ["serve"] or not {"-h", "--help"}.isdisjoint(arguments):
        yield
        return
    _require_heard_environment()
    with tempfile.TemporaryDirectory(prefix="identity-metrics-") as metrics:
        os.environ[_METRICS_DIRECTORY] = metrics
        os.environ["PYTHONSAFEPATH"] = (
            "1"  # a directory that one starts in is no place to import from
        )
        if "--tls" not in arguments:
            room_for_connections()  # before there is who inherits it
            _begin(modules)
        yield


def _require_heard_environment() -> None:
    # pipx writes `-E` into the first line of a command, so that no variable is heard by it or by its processes. Those
    # would import from the current directory first. The option is handed on to them.
    if sys.flags.ignore_environment and not sys.flags.safe_path:
        os.execv(sys.executable, [sys.executable, "-P", *sys.orig_argv[1:]])  # noqa: S606 - this command itself


def _begin(modules: list[str]) -> None:
    for name, value in _ALLOCATION.items():
        os.environ.setdefault(name, value)  # heard by a process when it begins, so not by this one
    multiprocessing.set_start_method("forkserver")
    multiprocessing.set_forkserver_preload(modules)
    password = os.environ.pop("IDENTITY_ADMIN_PASSWORD", None)  # for this process's eyes only
    try:
        with told_by_parent_alone():
            forkserver.ensure_running()
    except OSError:  # no room for its socket, as where TMPDIR is too long: slower, and as good
        multiprocessing.set_start_method("spawn", force=True)
    finally:
        if password is not None:
            os.environ["IDENTITY_ADMIN_PASSWORD"] = password


@contextmanager
def told_by_parent_alone() -> Iterator[None]:
    """Start processes that do not hear what is said to all: Ctrl-C, a terminal that closes, a supervisor's SIGTERM.

    A worker listens to SIGTERM again as soon as it is one.
    """
    resource_tracker.ensure_running()  # starting it later would lift the block
    blocked = signal.pthread_sigmask(
        signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    )
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def room_for_connections() -> int:
    """Have as many files open as is wanted and allowed; return how many of them may be connections of a worker.

    A full worker takes no connection at all, so too little room would let a few idle clients close the service.
    """
    wanted = _CONNECTIONS + _OTHER_FILES
    soft, hard = (
        wanted if limit == resource.RLIM_INFINITY else limit for limit in resource.getrlimit(_FILES)
    )
    if soft < wanted:
        soft = min(wanted, hard)
        resource.setrlimit(_FILES, (soft, resource.getrlimit(_FILES)[1]))
    return min(_CONNECTIONS, soft - _OTHER_FILES)
