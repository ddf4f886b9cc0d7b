"""The settings of a run, from BENCH_… environment variables."""

from __future__ import annotations

import os
import sys
from typing import Final

SECONDS: Final = float(os.environ.get("BENCH_SECONDS", "2"))  # duration of each measurement
ROUNDS: Final = int(os.environ.get("BENCH_ROUNDS", "3"))
WORKERS: Final = int(os.environ.get("BENCH_WORKERS", "2"))
THREADS: Final = int(os.environ.get("BENCH_THREADS", "16"))
CONNECTIONS: Final = int(os.environ.get("BENCH_CONNECTIONS", "32"))
# Accounts in the large database, each with one session.
ROWS: Final = int(os.environ.get("BENCH_ROWS", "1000000"))
# Sessions that each worker knows when its memory is measured.
SESSIONS: Final = int(os.environ.get("BENCH_SESSIONS", "100000"))
FLOOD_SECONDS: Final = float(os.environ.get("BENCH_FLOOD_SECONDS", "20"))
ONLY: Final = frozenset(filter(None, os.environ.get("BENCH_ONLY", "").split(",")))
# Whether the results go into docs/performance.md; an incomplete table never does.
WRITES: Final = os.environ.get("BENCH_WRITE") == "1" and not ONLY

# The cost of one password hash, here and at the peers: the default of the service.
MEMORY_KIB: Final = 19 * 1024
TIME: Final = 2
SMALL: Final = 1000


def wanted(name: str) -> bool:
    """Return whether BENCH_ONLY selects a row."""
    return not ONLY or name in ONLY


def note(text: str) -> None:
    """Report progress on standard error."""
    print(f"  {text}", file=sys.stderr, flush=True)
