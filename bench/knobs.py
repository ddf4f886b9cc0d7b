"""What changes a run: BENCH_… in the environment."""

from __future__ import annotations

import os
import sys
from typing import Final

SECONDS: Final = float(os.environ.get("BENCH_SECONDS", "2"))  # of each measurement
ROUNDS: Final = int(os.environ.get("BENCH_ROUNDS", "3"))
WORKERS: Final = int(os.environ.get("BENCH_WORKERS", "2"))
THREADS: Final = int(os.environ.get("BENCH_THREADS", "16"))
CONNECTIONS: Final = int(os.environ.get("BENCH_CONNECTIONS", "32"))
ROWS: Final = int(
    os.environ.get("BENCH_ROWS", "1000000")
)  # accounts, and as many sessions, of the big table
SESSIONS: Final = int(
    os.environ.get("BENCH_SESSIONS", "100000")
)  # presented before memory is measured
FLOOD_SECONDS: Final = float(os.environ.get("BENCH_FLOOD_SECONDS", "20"))
ONLY: Final = frozenset(filter(None, os.environ.get("BENCH_ONLY", "").split(",")))
WRITES: Final = (
    os.environ.get("BENCH_WRITE", "1") == "1" and not ONLY
)  # half a table is not for the page

# What one password hash costs, here and at the peers: the service's own default.
MEMORY_KIB: Final = 19 * 1024
TIME: Final = 2
SMALL: Final = 1000


def wanted(name: str) -> bool:
    """Tell whether a row is to be measured (BENCH_ONLY)."""
    return not ONLY or name in ONLY


def note(text: str) -> None:
    """Tell how far it is, beside the results."""
    print(f"  {text}", file=sys.stderr, flush=True)
