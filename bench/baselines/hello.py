"""Baseline: a bare Flask view, on the same server with the same options."""

from __future__ import annotations

import argparse
import multiprocessing
import sys

from flask import Flask, Response, jsonify

app = Flask("hello")


@app.get("/api/resource")
def hello() -> Response:
    """Return the response of the token check, without checking anything."""
    return jsonify(data="Hello, hawk!")


def serve(target: str) -> None:
    """Serve with the options of `identity serve`; arguments: port, workers, threads."""
    from identity.server.granian import server  # noqa: PLC0415 - only the parent process serves

    multiprocessing.set_start_method("spawn")
    port, workers, threads = map(int, sys.argv[1:])
    options = argparse.Namespace(
        host="127.0.0.1", port=port, workers=workers, threads=threads, tls=False
    )
    server(target, options).serve()


if __name__ == "__main__":
    serve("hello:app")
