"""Everything that a worker of `identity serve` imports, imported once for all of them.

Nothing here is garbage yet, so the collector rests; and it leaves alone for ever what is there now, whose pages the
workers would otherwise copy by having it walk through them (Python manual, `gc.freeze`).
"""
# ruff: noqa: E402, F401, I001 - the collector rests before anything is imported, for what that leaves behind

from __future__ import annotations

import gc
import os
from contextlib import suppress

gc.disable()

import granian.server.mp
import identity.wiring.worker

if (
    os.environ.get("IDENTITY_DATABASE_URL", "").startswith("postgres")
    or "IDENTITY_DATABASE_URL_FILE" in os.environ
):
    with suppress(ImportError):  # who has to know that it is missing is told by the serving process
        import psycopg

gc.freeze()
