"""What `identity serve` takes from granian, gunicorn and others without a promise: an upgrade
without it fails here.

Each of these is overridden, replaced or read somewhere in `identity`; the module that does is
named.
"""

from __future__ import annotations

import argparse
import inspect
import multiprocessing
import socket
from collections import deque
from collections.abc import Callable, Iterator
from multiprocessing import forkserver, resource_tracker
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from granian import _signals
from granian.server import MPServer, common, mp
from gunicorn import config as gunicorn_config
from gunicorn import sock as gunicorn_sock
from gunicorn.http import errors as gunicorn_errors
from gunicorn.http import get_parser
from gunicorn.workers import gthread
from psycopg import errors
from werkzeug.routing import Rule

from identity.server import granian as granian_server
from identity.server import gunicorn_tls as serve_tls
from identity.server.tls_worker import SlowClientWorker


def parameters(function: Callable[..., Any]) -> list[str]:
    return [name for name in inspect.signature(function).parameters if name != "self"]


def attributes(made_in: Callable[..., Any]) -> set[str]:
    """Return the attributes that a method sets or reads on its object."""
    return set(made_in.__code__.co_names)


@pytest.fixture(scope="module")
def granian() -> granian_server.WorkerServer:
    """A server that is not started."""
    options = argparse.Namespace(host="127.0.0.1", port=1, workers=2, threads=4)
    return granian_server.server("identity.wiring.worker:create_worker", options)


# identity/server/granian.py


@pytest.mark.parametrize(
    ("method", "names"),
    [
        ("_respawn_workers", ["workers", "spawn_target", "target_loader", "delay"]),
        ("shutdown", ["exit_code"]),
        ("signal_handler_interrupt", ["args", "kwargs"]),
        ("signal_handler_reload", ["args", "kwargs"]),
        ("startup", ["spawn_target", "target_loader"]),
        ("serve", ["spawn_target", "target_loader", "wrap_loader"]),
    ],
)
def test_granians_server_has_the_methods_that_are_overridden(method: str, names: list[str]) -> None:
    assert parameters(getattr(MPServer, method)) == names


def test_granians_server_counts_crashes_and_ended_workers_where_they_are_cleared(
    granian: granian_server.WorkerServer,
) -> None:
    assert isinstance(granian.respawned_wrks, dict)
    assert isinstance(granian.interrupt_children, list)
    assert {"respawned_wrks", "interrupt_children", "interrupt_signal"} <= attributes(
        MPServer._serve_loop
    )
    assert "interrupt_children" in attributes(MPServer.shutdown)


def test_granians_server_hands_its_signals_to_the_methods_that_decide(
    granian: granian_server.WorkerServer,
) -> None:
    assert {"set_main_signals", "signal_handler_interrupt", "signal_handler_reload"} <= attributes(
        MPServer.startup
    )
    assert "SIGHUP" in attributes(_signals.set_main_signals)
    assert {"interrupt_signal", "main_loop_interrupt"} <= attributes(
        MPServer.signal_handler_interrupt
    )
    assert granian.interrupt_signal is False


def test_granians_workers_are_made_by_the_class_that_is_replaced() -> None:
    assert mp.WorkerProcess is granian_server._Worker
    assert "WorkerProcess" in attributes(MPServer._spawn_worker)
    former: Any = granian_server._Worker.__base__
    assert parameters(former._spawn) == ["target", "args"]
    assert "inner" in attributes(former._spawn)
    assert "_spawn" in attributes(common.AbstractWorker.__init__)


# identity/server/forkserver.py


def test_the_fork_server_of_python_can_be_started_and_filled_early() -> None:
    assert callable(forkserver.ensure_running)
    assert callable(resource_tracker.ensure_running)
    assert "forkserver" in multiprocessing.get_all_start_methods()
    assert parameters(multiprocessing.set_forkserver_preload) == ["module_names"]


# identity/server/gunicorn_tls.py


def test_gunicorn_has_every_option_that_is_given_to_it() -> None:
    known = {flag for setting in gunicorn_config.KNOWN_SETTINGS for flag in setting.cli or ()}
    options = argparse.Namespace(port=5000, workers=1, threads=1)
    command = serve_tls.gunicorn_command(options, ip="::1", identity=Path(), chain=Path())
    given = {word for word in command if word.startswith("--")}
    assert len(given) >= 10
    assert given - known == set()


# identity/server/tls_worker.py


@pytest.fixture
def connection() -> Iterator[gthread.TConn]:
    """A connection object of gunicorn without a socket."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield gthread.TConn(gunicorn_config.Config(), ours, ("127.0.0.1", 1), ("127.0.0.1", 2))


@pytest.mark.parametrize(
    ("method", "names"),
    [
        ("init_process", []),
        ("set_accept_enabled", ["enabled"]),
        ("enqueue_req", ["conn"]),
        ("handle_request", ["req", "conn"]),
        ("handle_error", ["req", "client", "addr", "exc"]),
        ("finish_request", ["conn", "fs"]),
        ("_keepalive_after", ["conn", "keepalive"]),
    ],
)
def test_gunicorns_worker_has_the_methods_that_are_overridden(
    method: str, names: list[str]
) -> None:
    assert parameters(getattr(gthread.ThreadWorker, method)) == names
    assert method in vars(SlowClientWorker)


def test_gunicorns_worker_keeps_its_connections_where_they_are_changed() -> None:
    cfg = gunicorn_config.Config()
    app = SimpleNamespace(cfg=cfg)
    worker = gthread.ThreadWorker(1, 1, [], app, 30, cfg, None)
    worker.tmp.close()
    assert isinstance(worker.pending_conns, deque)
    assert (worker.nr_conns, worker.alive, worker.sockets) == (0, True, [])
    assert {"poller"} <= attributes(gthread.ThreadWorker.init_process)
    assert {"pending_conns", "timeout"} <= attributes(gthread.ThreadWorker.murder_pending)
    assert {"nr_conns", "alive", "set_accept_enabled", "sockets"} <= attributes(
        gthread.ThreadWorker.run
    )
    assert "_keepalive_after" in attributes(gthread.ThreadWorker.handle)


def test_a_connection_of_gunicorn_can_be_begun_by_hand(connection: gthread.TConn) -> None:
    assert connection.initialized is False
    assert {"sock", "client", "timeout", "parser"} <= set(dir(connection))
    parser = get_parser(gunicorn_config.Config(), connection.sock, connection.client)
    assert "deadline" in parameters(parser.finish_body)
    parser.unreader.unread(b"GET")
    assert parser.unreader.take_buffered() == b"GET"


def test_gunicorn_has_the_errors_and_the_context_that_are_named() -> None:
    for name in (
        "InvalidHTTPVersion",
        "InvalidRequestLine",
        "InvalidRequestMethod",
        "LimitRequestHeaders",
    ):
        assert issubclass(getattr(gunicorn_errors, name), Exception)
    assert parameters(gunicorn_sock.ssl_context) == ["conf"]


# identity/store/postgresql/timeout.py


def test_psycopg_waits_where_the_limit_is_set_and_reports_it() -> None:
    assert parameters(psycopg.Connection.wait) == ["gen", "interval", "timeout"]
    assert issubclass(errors._WaitTimeout, Exception)
    assert callable(psycopg.pq.PGconn.finish)


# identity/web/openapi/parameters.py


def test_werkzeug_keeps_a_rules_parts_where_they_are_read() -> None:
    assert "_converters" in vars(Rule("/"))
