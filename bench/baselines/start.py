"""Baseline of a start: imports only Flask and SQLAlchemy, on the same server."""

from __future__ import annotations

import sys

import sqlalchemy
from flask import Flask

app = Flask("start")


@app.get("/readyz")
def ready() -> str:
    """Report that the application is ready."""
    return sqlalchemy.__version__


if __name__ == "__main__":
    # Not through `identity.server.granian`, which imports far more than a bare application does.
    from granian.constants import HTTPModes, Interfaces
    from granian.log import LogLevels
    from granian.server import MPServer

    port, workers, threads = map(int, sys.argv[1:])
    MPServer(
        "start:app",
        interface=Interfaces.WSGI,
        address="127.0.0.1",
        port=port,
        workers=workers,
        blocking_threads=threads,
        backpressure=threads * 4,
        respawn_failed_workers=True,
        log_level=LogLevels.error,
        http=HTTPModes.http1,
        websockets=False,
    ).serve()
