"""The command `identity check`: shows the settings, whether they work, and the exposures."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network
from typing import Final

from identity.cli.keys import lines
from identity.domain.errors import Unavailable
from identity.domain.exposure import Registration
from identity.domain.keys import KeyUse
from identity.services import Services
from identity.settings import SettingInfo, Settings, described
from identity.settings.secret_files import SUFFIX

_DIALECTS = {
    "azuma": ["a failed login shows whether the name exists"],
    "continuous": [
        "a user can be read by id without a credential",
        "an account can be activated by id without the mailed token",
        "the calls about passwords show whether an email is known",
    ],
    "wekan": ["the first account to register becomes an administrator"],
}
_HARDEN: Final = "IDENTITY_HARDENED=true"
_NAMES_MAX: Final = 20
_SHARED: Final = (
    "through a pooler, used as if it shared connections by transaction: no prepared statements, "
    "and time limits only where ALTER ROLE sets them"
)


def check(_options: argparse.Namespace, settings: Settings, services: Services) -> int:
    """Print the state of the installation; return 1 if the service would not work."""
    print("Settings")
    for info in described():
        print(f"  {info.name} = {_value(info)}")
    print(f"Data directory\n  {settings.data_dir.absolute()}{_hint_if_missing(settings)}")
    print("Keys", *_keys(services), sep="\n")
    print(f"Database\n  {settings.database_name}")
    try:
        _require_file(settings)
        services.schema.require_current()
        services.schema.require_writable()
        if _have_all_keys(services):
            services.key_agreement.observe()
            services.key_agreement.require()
    except Unavailable as error:
        print(f"  not usable: {error.reason or error.detail}")
        return 1
    print("  reachable, migrated to this version")
    if services.schema.shares_connections():
        print(f"  {_SHARED}")
    _print_misleading_names(services)
    _print_unverifiable_passwords(services)
    print("Exposures")
    for exposure, setting in _exposures(settings) or [("none", "hardened")]:
        print(f"  {exposure}  [{setting}]")
    return 0


def _value(info: SettingInfo) -> str:
    if info.secret and (file := os.environ.get(info.name + SUFFIX)):
        return f"(secret)  [from {file}]"
    if info.name not in os.environ:
        return f"{info.default or '(unset)'}  [default]"
    if info.secret:
        return "(secret)  [set]"
    return f"{os.environ[info.name] or '(unset)'}  [set]"


def _hint_if_missing(settings: Settings) -> str:
    if settings.data_dir.exists():
        return ""
    return "  [does not exist; the first `identity migrate` creates it]"


def _keys(services: Services) -> Iterator[str]:
    views = services.key_rotation.listed()
    yield from lines(views)
    for use in set(KeyUse) - {view.use for view in views}:
        yield f"  {use}: none  [created by the first `identity migrate` or `identity serve`]"


def _have_all_keys(services: Services) -> bool:
    return {view.use for view in services.key_rotation.listed()} == set(KeyUse)


def _require_file(settings: Settings) -> None:
    # SQLite would create a missing file.
    if settings.database_file is not None and not settings.database_file.exists():
        raise Unavailable(
            timedelta(), "the file does not exist: run `identity migrate`, or set IDENTITY_DATA_DIR"
        )


def _print_misleading_names(services: Services) -> None:
    names, count = services.misleading_names.find(at_most=_NAMES_MAX)
    if not count:
        return
    print("Usernames that are emails of others; rename them with PATCH /api/admin/users/<id>")
    for name in names:
        print(f"  {name}")
    if count > len(names):
        print(f"  and {count - len(names)} more")


def _print_unverifiable_passwords(services: Services) -> None:
    if count := services.imported_hashes.unverifiable():
        print("Passwords that cannot be checked, as their hash format is unknown or too expensive")
        print(f"  {count} accounts: set a new password, or let the users reset theirs")


def _exposures(settings: Settings) -> list[tuple[str, str]]:
    of_documents = [] if settings.hardened else list(_of_documents(settings))
    return [*of_documents, *_of_deployment(settings)]


def _of_documents(settings: Settings) -> Iterator[tuple[str, str]]:
    yield "the token is repeated in a response header, which proxies may log", _HARDEN
    yield "a user's name can be read by id without a credential", _HARDEN
    for dialect, exposures in _DIALECTS.items():
        if dialect in settings.dialects:
            yield from ((f"{dialect}: {exposure}", _HARDEN) for exposure in exposures)
    yield "a registration shows whether an email is taken", _HARDEN
    yield "passwords may be short or common, as in the documents' examples", _HARDEN


def _of_deployment(settings: Settings) -> Iterator[tuple[str, str]]:
    if settings.registration is Registration.OPEN:
        yield "registration is open to any caller", "IDENTITY_REGISTRATION=admin"
    if not settings.public_url:
        yield (
            "the Location of a new account is built from the request's Host",
            "IDENTITY_PUBLIC_URL=https://…",
        )
    elif settings.public_url.startswith("http://"):
        yield (
            "the public URL is not https, so passwords are sent in the clear",
            "IDENTITY_PUBLIC_URL=https://…",
        )
    if not settings.step_up_seconds:
        yield (
            "a token of any age may change passwords and emails",
            "IDENTITY_STEP_UP_SECONDS=900",
        )
    if settings.smtp_url is None:
        yield "mails are written to the log with their tokens", "IDENTITY_SMTP_URL=smtp://…"
    if not settings.ip_failures:
        yield "one IP may try any number of passwords", "IDENTITY_IP_FAILURES=100"
    if any(_is_wide(network) for network in settings.trusted_proxies):
        yield "a very large network is trusted as proxies", "IDENTITY_TRUSTED_PROXIES=…"


def _is_wide(network: IPv4Network | IPv6Network) -> bool:
    return network.prefixlen < network.max_prefixlen // 4
