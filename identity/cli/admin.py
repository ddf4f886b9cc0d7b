"""Making administrators, and letting them in again, from the machine's own terminal."""

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
    """Make the administrator that the command line names."""
    services.schema.require_current()
    wanted = NewAccount(options.username, _password(), options.email)
    made = services.accounts.create(operator(), wanted, admin=True)
    print(f"Administrator {made.username} made (id {made.id}).")


def set_password(options: argparse.Namespace, _settings: Settings, services: Services) -> None:
    """Set the password of the account that the command line names."""
    services.schema.require_current()
    changed = services.account_credentials.set_password(
        operator(), options.username, _password(), must_change=options.must_change
    )
    print(
        f"Password of {changed.username} set (id {changed.id}). Its sessions and certificates have ended."
    )


def unlock(options: argparse.Namespace, _settings: Settings, services: Services) -> None:
    """Lift the lock of the name or the address that the command line names."""
    services.schema.require_current()
    if options.no_ip:
        services.locks.lift_without_ip(operator())
        print("Callers without an IP are unlocked.")
        return
    lifted = services.locks.lift(operator(), options.what)
    if lifted.network:
        print(f"IP {lifted.network} unlocked.")
    if lifted.username:
        print(f"Account {lifted.username} unlocked.")
    elif not lifted.network:
        print("No account has this name or address; what was counted for the name is forgotten.")


def make_first_admin(settings: Settings, services: Services, base: str) -> None:
    """Make the administrator of the first start, if there never was one, and say what to type next.

    Raises:
        SettingError: the configured name or password cannot be used.
    """
    if not settings.admin_username or services.accounts.any_admin():
        return
    password = settings.admin_password or secrets.token_urlsafe(15)
    try:
        services.accounts.create(
            operator(), NewAccount(settings.admin_username, password), admin=True
        )
    except UsernameTaken:
        if services.accounts.any_admin():  # another node was faster, and has said so
            return
        raise SettingError(
            "IDENTITY_ADMIN_USERNAME: this name belongs to a user who is no administrator"
        ) from None
    except InvalidInput as error:
        raise SettingError(
            f"IDENTITY_ADMIN_USERNAME and IDENTITY_ADMIN_PASSWORD: {error.detail}"
        ) from None
    name = settings.admin_username
    # A server certificate of our own authority is one that curl does not know.
    curl = (
        f"curl --cacert {shlex.quote(str(settings.data_dir / 'tls' / 'ca.pem'))}"
        if base[:6] == "https:"
        else "curl"
    )
    address = shlex.quote(f"{base}/api/token")
    if settings.admin_password:
        print(f"Administrator {name} made, with the password of IDENTITY_ADMIN_PASSWORD. Now try:")
        print(f"  {curl} -u {shlex.quote(name)} {address}   # curl asks for the password")
    else:
        print(f"Administrator {name} made. The password is shown this once: {password}")
        print(f"Now try:\n  {curl} -u {shlex.quote(f'{name}:{password}')} {address}")
    sys.stdout.flush()


def _password() -> str:
    if sys.stdin is None:  # closed: there is nothing to read
        return ""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    first = getpass.getpass("Password: ")
    if first != getpass.getpass("Once more: "):
        raise _Mismatch
    return first


class _Mismatch(IdentityError):
    detail = "The two passwords differ; nothing was changed."
