"""The arguments of the `identity` command, and the help about them."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from importlib.metadata import version
from typing import Final, NoReturn, TypeAlias

from identity.cli.admin import create_admin, set_password, unlock
from identity.cli.check import check
from identity.cli.completion import PrintCompletion
from identity.cli.keys import rotate_keys
from identity.cli.maintenance import migrate, prune, send_mail
from identity.cli.serve import serve
from identity.domain.keys import GRACE_MIN_SECONDS
from identity.server.processors import MAX_PROCESSORS, available
from identity.services import Services
from identity.services.maintenance.schema import REVISION
from identity.settings import Settings, described

_Commands: TypeAlias = "argparse._SubParsersAction[_Parser]"  # noqa: SLF001 - has no public name

_VERSION: Final = version("identityd")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Report an error, but do not repeat unrecognized arguments, which may be passwords."""
        if "unrecognized arguments: " in message:
            message = "too many arguments (never pass a password as an argument)"
        super().error(message)


def command_parser() -> argparse.ArgumentParser:
    """Return the parser of the arguments; `run` is the command, or None if there is none.

    `runs_on` is set for a command that runs until interrupted, and `read_only` for one that changes
    nothing.
    """
    parser = _Parser(
        prog="identity",
        description=(
            "One identity service for curl -u. Settings are IDENTITY_… environment variables."
        ),
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
    _add_maintenance(commands)
    _add_rotate_keys(commands)
    _add_administration(commands)
    return parser


def _add_maintenance(commands: _Commands) -> None:
    _add(
        commands,
        "migrate",
        migrate,
        "migrate the database to this version; may run on several nodes at once",
    )
    _add(
        commands,
        "check",
        check,
        "show the settings, the state of the database and the exposures; changes nothing",
    ).set_defaults(read_only=True)
    _add(
        commands,
        "send-mail",
        send_mail,
        "send due mails until interrupted",
        runs_on=True,
    )
    _add(
        commands,
        "prune",
        prune,
        "delete expired sessions and counters, old audit events and mails; print how many",
    )


def _add_administration(commands: _Commands) -> None:
    command = _add(
        commands,
        "create-admin",
        create_admin,
        "create an administrator; prompt for the password, or read it from standard input",
    )
    command.add_argument("username")
    command.add_argument("--email", help="email of the new administrator")
    command = _add(
        commands,
        "set-password",
        set_password,
        "set an account's password, read as in create-admin, and invalidate its credentials",
    )
    command.add_argument("username", metavar="NAME", help="username or email")
    command.add_argument(
        "--must-change", action="store_true", help="require a new password at the next login"
    )
    command = _add(commands, "unlock", unlock, "unlock a name or an IP before its lock expires")
    target = command.add_mutually_exclusive_group(required=True)
    target.add_argument("what", nargs="?", metavar="NAME|IP", help="username, email or IP")
    target.add_argument(
        "--no-ip", action="store_true", help="clients without an IP, such as on a Unix socket"
    )


def _add_serve(commands: _Commands) -> None:
    command = _add(
        commands,
        "serve",
        serve,
        "serve with granian; the first start creates the administrator",
        runs_on=True,
    )
    command.add_argument(
        "--tls",
        action="store_true",
        help="serve https with gunicorn, and request client certificates",
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
        help=f"worker processes; default: the number of available processors, here {workers}",
    )
    command.add_argument(
        "--threads",
        type=_positive,
        default=16,
        help="concurrent requests per worker; default: 16",
    )


def _add_rotate_keys(commands: _Commands) -> None:
    command = _add(
        commands, "rotate-keys", rotate_keys, "rotate the signing keys while the nodes run"
    )
    mode = command.add_mutually_exclusive_group()
    mode.add_argument(
        "--grace",
        type=_grace,
        default=60,
        metavar="SECONDS",
        help="publish the new key this many seconds before it signs; default: 60",
    )
    mode.add_argument(
        "--now",
        action="store_true",
        help="for a leaked key: revoke the old keys immediately",
    )


def _add(
    commands: _Commands,
    name: str,
    run: Callable[[argparse.Namespace, Settings, Services], int | None],
    text: str,
    *,
    runs_on: bool = False,
) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(
        name, help=text, description=f"{text[0].upper()}{text[1:]}."
    )
    command.set_defaults(run=run, runs_on=runs_on, read_only=False)
    return command


def _settings_help() -> str:
    lines = (
        f"  {info.name}\n      {info.meaning} [{info.default or 'unset'}]" for info in described()
    )
    return "\n".join(("settings (for secrets, IDENTITY_…_FILE may name a file instead):", *lines))


def _port(text: str) -> int:
    return _number(text, 1, 65535, "is not a port number")


def _grace(text: str) -> int:
    return _number(text, GRACE_MIN_SECONDS, 86400, "is not a number of seconds")


def _positive(text: str) -> int:
    return _number(text, 1, MAX_PROCESSORS, "is not a number")


def _number(text: str, least: int, most: int, problem: str) -> int:
    if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
        raise argparse.ArgumentTypeError(f"{text!r} {problem} from {least} to {most}")
    return int(text)
