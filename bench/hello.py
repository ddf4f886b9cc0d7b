"""The measure: a bare Flask view, on the same server with the same options."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from flask import Flask, Response, jsonify

from identity.cli.serve import server

app = Flask("hello")


@app.get("/api/resource")
def hello() -> Response:
    """Say what the token check says, without checking anything."""
    return jsonify(data="Hello, hawk!")


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    port, workers, threads = map(int, sys.argv[1:])
    options = argparse.Namespace(host="127.0.0.1", port=port, workers=workers, threads=threads)
    server("hello:app", options, factory=False).serve()
