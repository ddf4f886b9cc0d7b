"""The `identity` command: parse, call one use case, print."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any, Final, NoReturn, Protocol

from identity.cli.admin import create_admin, set_password, unlock
from identity.cli.check import check
from identity.cli.completion import PrintCompletion
from identity.cli.keys import rotate_keys
from identity.cli.maintenance import migrate, prune, send_mail
from identity.cli.serve import serve
from identity.domain.errors import IdentityError, SchemaNewer, SchemaOutdated, Unavailable
from identity.domain.keys import GRACE_MIN_SECONDS
from identity.server.processors import available
from identity.services import Services
from identity.services.maintenance.schema import REVISION
from identity.settings import Settings, described
from identity.settings.readers import SettingError


class Start(Protocol):
    """Makes the settings and the use cases."""

    def __call__(self, *, make: bool) -> tuple[Settings, Services]:
        """Return them; without `make` nothing is written anywhere."""


_VERSION: Final = version("identityd")
_REFUSED: Final = 1
_MISCONFIGURED: Final = 2


def main(arguments: Sequence[str], *, start: Start, log: Callable[[], None]) -> int:
    """Run one command and return its exit code: 0 done, 1 refused, 2 wrong settings or arguments.

    Args:
        arguments: what follows the command's own name.
        start: makes the settings and the use cases, or raises SettingError.
        log: begins to log, for commands that go on; the others speak in one line of their own.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.run is None:
        parser.print_help()
        return 0
    try:
        settings, services = start(make=not options.only_looks)
        with _named_database(settings):
            if options.goes_on:
                services.schema.require_current()
                log()
            code = int(options.run(options, settings, services) or 0)
            print(end="", flush=True)  # so that what cannot be written is noticed here
            return code
    except SettingError as error:
        return _fail(str(error), _MISCONFIGURED)
    except IdentityError as error:
        return _fail(error.detail, _REFUSED)
    except OSError as error:  # such as a full disk behind standard output
        if sys.stdout:  # which would complain once more when the process ends
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        seen_enough = isinstance(error, BrokenPipeError)  # says whoever was reading
        return 0 if seen_enough else _fail(f"cannot go on: {error.strerror or error}", _REFUSED)
    except (KeyboardInterrupt, EOFError):
        return _fail("interrupted", _REFUSED)


@contextmanager
def _named_database(settings: Settings) -> Iterator[None]:
    try:
        yield
    except (SchemaOutdated, SchemaNewer):
        raise
    except Unavailable as error:
        why = f": {error.reason}" if error.reason else ""
        raise SettingError(
            f"IDENTITY_DATABASE_URL: the database {settings.database_name} cannot be used{why}"
        ) from None


def _fail(reason: str, code: int) -> int:
    print(f"identity: {reason}", file=sys.stderr)
    return code


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Say what is wrong, but not with which words: somebody may have typed a password."""
        known, _, _ = message.partition("unrecognized arguments: ")
        super().error(
            message if known == message else "there are arguments too many; a password is never one"
        )


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="identity",
        description="One identity service for curl -u. Settings are IDENTITY_… environment variables.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=_settings_help(),
    )
    parser.add_argument(
        "-V", "--version", action="version", version=f"identity {_VERSION} (schema {REVISION})"
    )
    parser.add_argument("--print-completion", action=PrintCompletion)
    parser.set_defaults(run=None)
    commands = parser.add_subparsers(metavar="COMMAND")
    _add_serve(commands)
    _add(
        commands,
        "migrate",
        migrate,
        "bring the database to this version; safe to run on every node at once",
    )
    text = "show the settings, whether the database can be used, and what is left open; changes nothing"
    _add(commands, "check", check, text).set_defaults(only_looks=True)
    _add(
        commands,
        "send-mail",
        send_mail,
        "send the mail that is due, and go on until interrupted",
        goes_on=True,
    )
    _add(
        commands,
        "prune",
        prune,
        "delete ended sessions, old audit events, letters and counters; prints how many",
    )
    _add_rotate_keys(commands)
    command = _add(
        commands,
        "create-admin",
        create_admin,
        "make an administrator; the password is asked for, or read as one line from standard input",
    )
    command.add_argument("username")
    command.add_argument("--email", help="address of the new administrator")
    text = "set an account's password, asked for or read as create-admin does; ends its sessions and certificates"
    command = _add(commands, "set-password", set_password, text)
    command.add_argument("username", metavar="NAME", help="username or email")
    command.add_argument(
        "--must-change", action="store_true", help="have another password chosen at the next login"
    )
    command = _add(
        commands,
        "unlock",
        unlock,
        "let a name or an address try passwords again before its lock is over",
    )
    meant = command.add_mutually_exclusive_group(required=True)
    meant.add_argument("what", nargs="?", metavar="NAME|IP", help="username, email, or IP")
    meant.add_argument(
        "--no-ip", action="store_true", help="callers without an IP, such as those of a Unix socket"
    )
    return parser


def _add_serve(commands: argparse._SubParsersAction[Any]) -> None:
    command = _add(
        commands,
        "serve",
        serve,
        "serve with granian; the first start makes the administrator",
        goes_on=True,
    )
    command.add_argument(
        "--tls",
        action="store_true",
        help="serve https with gunicorn, asking for client certificates",
    )
    command.add_argument(
        "--host", default=os.environ.get("HOST") or "127.0.0.1", help="default: $HOST or 127.0.0.1"
    )
    command.add_argument(
        "--port",
        type=_port,
        default=os.environ.get("PORT") or "5000",
        help="default: $PORT or 5000",
    )
    workers = available()
    command.add_argument(
        "--workers",
        type=_positive,
        default=workers,
        help=f"processes; default: as many as there are processors to use, here {workers}",
    )
    command.add_argument(
        "--threads", type=_positive, default=16, help="requests at once per worker; default: 16"
    )


def _add_rotate_keys(commands: argparse._SubParsersAction[Any]) -> None:
    command = _add(
        commands, "rotate-keys", rotate_keys, "change the signing keys while every node goes on"
    )
    how = command.add_mutually_exclusive_group()
    how.add_argument(
        "--grace",
        type=_grace,
        default=60,
        metavar="SECONDS",
        help="known so long before it signs; default: 60",
    )
    how.add_argument(
        "--now",
        action="store_true",
        help="for a leaked key: the old ones are worth nothing at once",
    )


def _add(
    commands: argparse._SubParsersAction[Any],
    name: str,
    run: Callable[[argparse.Namespace, Settings, Services], int | None],
    text: str,
    *,
    goes_on: bool = False,
) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(
        name, help=text, description=f"{text[0].upper()}{text[1:]}."
    )
    command.set_defaults(run=run, goes_on=goes_on, only_looks=False)
    return command


def _settings_help() -> str:
    lines = (f"  {one.name}\n      {one.meaning} [{one.default or 'unset'}]" for one in described())
    return "\n".join(("settings (IDENTITY_…_FILE names a file with a secret instead):", *lines))


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 65536:  # noqa: PLR2004 - the last port
        raise argparse.ArgumentTypeError(f"{text!r} is no port; give a number from 1 to 65535")
    return int(text)


def _grace(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not GRACE_MIN_SECONDS <= int(text) <= 86400:  # noqa: PLR2004 - a day
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a number of seconds from {GRACE_MIN_SECONDS} to 86400"
        )
    return int(text)


def _positive(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= 256:  # noqa: PLR2004 - a slip of the finger beyond that
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 256")
    return int(text)
