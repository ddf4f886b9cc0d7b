"""The fork server of `identity serve`: a process that has imported everything and does nothing.

Workers are forked from it, so they start fast and share the memory of what they import. A fork of
the serving process itself would inherit its database connections and threads.
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
_CONNECTIONS: Final = 2048  # open ones per worker, most of them idle; threads limit the work
_OTHER_FILES: Final = 256  # database, metrics, libraries
_FILES: Final = resource.RLIMIT_NOFILE
# glibc: one heap per thread, also on few processors. In a shared heap, small objects are allocated
# in the memory of a finished password hash, so that the next hash needs as much again.
_ALLOCATION: Final = {"GLIBC_TUNABLES": "glibc.malloc.arena_max=64"}
_ADMIN_PASSWORD: Final = "IDENTITY_ADMIN_PASSWORD"  # noqa: S105 - the name of a variable


@contextmanager
def forkserver_for(arguments: Sequence[str], *, modules: list[str]) -> Iterator[None]:
    """Start the fork server if the command serves, and clean up afterwards.

    Args:
        arguments: of the command.
        modules: the modules that the workers need.
    """
    if arguments[:1] != ["serve"] or not {"-h", "--help"}.isdisjoint(arguments):
        yield
        return
    _restart_with_safe_path()
    with tempfile.TemporaryDirectory(prefix="identity-metrics-") as metrics:
        os.environ[_METRICS_DIRECTORY] = metrics
        os.environ["PYTHONSAFEPATH"] = "1"  # do not import from the current directory
        if "--tls" not in arguments:
            raise_fd_limit()  # before the fork server starts, which inherits it
            _start(modules)
        yield


def _restart_with_safe_path() -> None:
    # pipx writes `-E` into the first line of a command, so that Python ignores PYTHONSAFEPATH, also
    # in child processes, which would import from the current directory first. They inherit `-P`.
    if sys.flags.ignore_environment and not sys.flags.safe_path:
        os.execv(sys.executable, [sys.executable, "-P", *sys.orig_argv[1:]])  # noqa: S606 - this command itself


def _start(modules: list[str]) -> None:
    for name, value in _ALLOCATION.items():
        os.environ.setdefault(name, value)  # read at the start of a process, so by children only
    multiprocessing.set_start_method("forkserver")
    multiprocessing.set_forkserver_preload(modules)
    password = os.environ.pop(_ADMIN_PASSWORD, None)  # child processes must not inherit it
    try:
        with signals_blocked():
            forkserver.ensure_running()
    except OSError:  # no room for its socket, such as with a long TMPDIR: slower, but it works
        multiprocessing.set_start_method("spawn", force=True)
    finally:
        if password is not None:
            os.environ[_ADMIN_PASSWORD] = password


@contextmanager
def signals_blocked() -> Iterator[None]:
    """Start processes that ignore signals to the whole group, such as Ctrl-C, until they unblock.

    Blocks SIGINT, SIGTERM and SIGHUP, so that the parent alone stops them. A worker unblocks
    SIGTERM when it has started.
    """
    resource_tracker.ensure_running()  # starting it inside the block would unblock the signals
    blocked = signal.pthread_sigmask(
        signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    )
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def raise_fd_limit() -> int:
    """Raise the limit of open files; return how many connections a worker may have.

    A worker at its limit accepts no connections. With a low limit, a few idle clients could make
    the service unreachable.
    """
    needed = _CONNECTIONS + _OTHER_FILES
    soft, hard = resource.getrlimit(_FILES)
    if soft == resource.RLIM_INFINITY:
        return _CONNECTIONS
    if soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(_FILES, (soft, hard))
    return min(_CONNECTIONS, soft - _OTHER_FILES)
