"""The console script. It imports late, so that the fork server of the workers starts first."""

# This module and `identity.server.forkserver` import the standard library only.

from __future__ import annotations

import gc
import sys

from identity.server.forkserver import forkserver_for


def main() -> int:
    """Run the `identity` command and return its exit code."""
    arguments = sys.argv[1:]
    with forkserver_for(arguments, modules=["identity.wiring.preload"]):
        gc.disable()  # imports create no garbage; collecting would only cost time
        from identity.wiring.command import run  # noqa: PLC0415 - see above

        gc.enable()
        return run(arguments)
