"""Commands for operators: create an administrator, set a password, unlock a name or an IP."""

from __future__ import annotations

import argparse
import getpass
import secrets
import shlex
import sys

from identity.domain.errors import IdentityError, InvalidInput, UsernameTaken
from identity.domain.principal import operator
from identity.services import Services
from identity.services.accounts.registration import NewAccount
from identity.settings import Settings
from identity.settings.readers import SettingError


def create_admin(options: argparse.Namespace, _settings: Settings, services: Services) -> None:
    """Create the administrator that the command line names."""
    services.schema.require_current()
    account = NewAccount(options.username, _read_password(), options.email)
    created = services.accounts.create(operator(), account, admin=True)
    print(f"Created administrator {created.username} (id {created.id}).")


def set_password(options: argparse.Namespace, _settings: Settings, services: Services) -> None:
    """Set the password of the account that the command line names."""
    services.schema.require_current()
    changed = services.account_credentials.set_password(
        operator(), options.username, _read_password(), must_change=options.must_change
    )
    print(
        f"Set the password of {changed.username} (id {changed.id})."
        " All sessions and certificates of the account were invalidated."
    )


def unlock(options: argparse.Namespace, _settings: Settings, services: Services) -> None:
    """Unlock the name or the IP that the command line names."""
    services.schema.require_current()
    if options.no_ip:
        services.locks.lift_without_ip(operator())
        print("Unlocked clients without an IP.")
        return
    lifted = services.locks.lift(operator(), options.what)
    if lifted.network:
        print(f"Unlocked IP {lifted.network}.")
    if lifted.username:
        print(f"Unlocked account {lifted.username}.")
    elif not lifted.network:
        print("No such account; failed attempts for this name were cleared.")


def make_first_admin(settings: Settings, services: Services, base: str) -> None:
    """Create the administrator of the first start, if there is none, and print a first command.

    Raises:
        SettingError: the configured name or password is invalid.
    """
    if not settings.admin_username or services.accounts.any_admin():
        return
    password = settings.admin_password or secrets.token_urlsafe(15)
    try:
        services.accounts.create(
            operator(), NewAccount(settings.admin_username, password), admin=True
        )
    except UsernameTaken:
        if services.accounts.any_admin():  # another node was faster
            return
        raise SettingError(
            "IDENTITY_ADMIN_USERNAME: this name belongs to a user who is not an administrator"
        ) from None
    except InvalidInput as error:
        raise SettingError(
            f"IDENTITY_ADMIN_USERNAME and IDENTITY_ADMIN_PASSWORD: {error.detail}"
        ) from None
    _print_first_command(settings, password, base)


def _print_first_command(settings: Settings, password: str, base: str) -> None:
    name = settings.admin_username
    curl = "curl"
    if base.startswith("https:"):  # curl does not know our own CA
        curl += f" --cacert {shlex.quote(str(settings.data_dir / 'tls' / 'ca.pem'))}"
    url = shlex.quote(f"{base}/api/token")
    if settings.admin_password:
        print(f"Created administrator {name} with the password of IDENTITY_ADMIN_PASSWORD. Try:")
        print(f"  {curl} -u {shlex.quote(name)} {url}   # curl prompts for the password")
    else:
        print(f"Created administrator {name}. This password is shown only once: {password}")
        print(f"Try:\n  {curl} -u {shlex.quote(f'{name}:{password}')} {url}")
    sys.stdout.flush()


def _read_password() -> str:
    if sys.stdin is None:  # standard input is closed
        return ""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass.getpass("Password: ")
    if password != getpass.getpass("Repeat password: "):
        raise _PasswordsDiffer
    return password


class _PasswordsDiffer(IdentityError):
    detail = "The passwords do not match."
