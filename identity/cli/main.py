"""The `identity` command: runs one command and reports errors."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, Protocol

from identity.cli.parser import command_parser
from identity.domain.errors import IdentityError, SchemaNewer, SchemaOutdated, Unavailable
from identity.services import Services
from identity.settings import Settings
from identity.settings.readers import SettingError


class Start(Protocol):
    """Builds the settings and the use cases."""

    def __call__(self, *, make: bool) -> tuple[Settings, Services]:
        """Return them; without `make`, no file is created or changed."""


_REFUSED: Final = 1
_MISCONFIGURED: Final = 2


def main(arguments: Sequence[str], *, start: Start, log: Callable[[], None]) -> int:
    """Run one command and return its exit code: 0 done, 1 refused, 2 wrong settings or arguments.

    Args:
        arguments: the arguments without the name of the program.
        start: builds the settings and the use cases, or raises SettingError.
        log: starts logging, for commands that run until interrupted; others print one line.
    """
    parser = command_parser()
    options = parser.parse_args(arguments)
    if options.run is None:
        parser.print_help()
        return 0
    try:
        settings, services = start(make=not options.read_only)
        with _named_database(settings):
            if options.runs_on:
                services.schema.require_current()
                log()
            code = int(options.run(options, settings, services) or 0)
            print(end="", flush=True)  # so that write errors occur here
            return code
    except SettingError as error:
        return _fail(str(error), _MISCONFIGURED)
    except IdentityError as error:
        return _fail(error.detail, _REFUSED)
    except OSError as error:  # such as a full disk behind standard output
        return _output_failed(error)
    except (KeyboardInterrupt, EOFError):
        return _fail("interrupted", _REFUSED)


def _output_failed(error: OSError) -> int:
    if sys.stdout:  # Python flushes it when it exits, which would fail again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if isinstance(error, BrokenPipeError):  # the reader, such as `head`, has read enough
        return 0
    return _fail(f"aborted: {error.strerror or error}", _REFUSED)


@contextmanager
def _named_database(settings: Settings) -> Iterator[None]:
    try:
        yield
    except (SchemaOutdated, SchemaNewer):
        raise
    except Unavailable as error:
        reason = f": {error.reason}" if error.reason else ""
        raise SettingError(
            f"IDENTITY_DATABASE_URL: the database {settings.database_name} cannot be used{reason}"
        ) from None


def _fail(reason: str, code: int) -> int:
    print(f"identity: {reason}", file=sys.stderr)
    return code
