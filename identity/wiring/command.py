"""Connects the `identity` command to the settings and the use cases."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from identity.adapters.data_directory import DataDirectoryError
from identity.adapters.logs import log_to_stderr
from identity.cli.main import main
from identity.wiring.core import start


def run(arguments: Sequence[str]) -> int:
    """Run the command with these arguments and return its exit code."""
    try:
        return main(arguments, start=start, log=log_to_stderr)
    except DataDirectoryError as error:
        sys.stderr.write(f"identity: {error}\n")
        return 2
