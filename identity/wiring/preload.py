"""The imports of a worker of `identity serve`, done once in the fork server.

The garbage collector is off, because imports create no garbage. It then ignores the imported
objects for good: by walking through them, it would make each worker copy their memory pages
(Python manual, `gc.freeze`).
"""
# ruff: noqa: E402, F401, I001 - the collector is disabled before the imports

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
    with suppress(ImportError):  # the serving process reports that it is missing
        import psycopg

gc.freeze()
