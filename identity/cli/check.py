"""Showing the settings, whether they work, and what they leave open."""

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
    "azuma": ["a login tells an unknown name from a wrong password"],
    "continuous": [
        "anybody may read a user by its id",
        "an account is activated by its id alone",
        "the calls about passwords tell whether an address is known",
    ],
    "wekan": ["the very first account is an administrator"],
}


_NAMES_SHOWN: Final = 20


def check(_options: argparse.Namespace, settings: Settings, services: Services) -> int:
    """Print everything an operator decides by; return 1 if the service could not work."""
    print("Settings")
    for one in described():
        print(f"  {one.name} = {_shown(one)}")
    print("Data directory", f"  {settings.data_dir.absolute()}{_unmade(settings)}", sep="\n")
    print("Keys", *_keys(services), sep="\n")
    print(f"Database\n  {settings.database_name}")
    try:
        _require_file(settings)
        services.schema.require_current()
        services.schema.require_writable()
        if _all_made(services):
            services.key_agreement.observe()
            services.key_agreement.require()
    except Unavailable as error:
        print(f"  not usable: {error.reason or error.detail}")
        return 1
    print("  answers, migrated to this version")
    _show_misleading(services)
    _show_unverifiable(services)
    print("Open")
    for fact, closing in _open(settings) or [("nothing", "hardened")]:
        print(f"  {fact}  [{closing}]")
    return 0


def _shown(one: SettingInfo) -> str:
    if one.secret and (file := os.environ.get(one.name + SUFFIX)):
        return f"(secret)  [from {file}]"
    if one.name not in os.environ:
        return f"{one.default or '(unset)'}  [default]"
    return f"{'(secret)' if one.secret else os.environ[one.name] or '(unset)'}  [set]"


def _unmade(settings: Settings) -> str:
    return (
        ""
        if settings.data_dir.exists()
        else "  [not there yet: the first `identity migrate` makes it]"
    )


def _keys(services: Services) -> Iterator[str]:
    views = services.key_rotation.listed()
    yield from lines(views)
    for use in set(KeyUse) - {view.use for view in views}:
        yield f"  {use}: none yet  [made by the first `identity migrate` or `identity serve`]"


def _all_made(services: Services) -> bool:
    return {view.use for view in services.key_rotation.listed()} == set(KeyUse)


def _require_file(settings: Settings) -> None:
    # SQLite would make it.
    if settings.database_file is not None and not settings.database_file.exists():
        raise Unavailable(
            timedelta(),
            "there is no such file yet: run `identity migrate`, or set IDENTITY_DATA_DIR",
        )


def _show_misleading(services: Services) -> None:
    names, count = services.accounts.misleading_names(at_most=_NAMES_SHOWN)
    if count:
        print(
            "Usernames that are not the account's own email: rename them by PATCH /api/admin/users/<id>"
        )
        print(
            *(f"  {name}" for name in names),
            *([f"  and {count - len(names)} more"] * (count > len(names))),
            sep="\n",
        )


def _show_unverifiable(services: Services) -> None:
    if count := services.imported_hashes.unverifiable():
        print(
            "Passwords that cannot be checked: their hashes are of no form that is known here, or cost too much"
        )
        print(f"  {count} accounts: have them ask for a new password, or set one")


def _open(settings: Settings) -> list[tuple[str, str]]:
    return [*_faithful(settings), *_deployment(settings)]


def _faithful(settings: Settings) -> Iterator[tuple[str, str]]:
    if settings.hardened:
        return
    close = "IDENTITY_HARDENED=true"
    yield "the token is repeated in a response header, where proxies may log it", close
    yield "anybody may read a user's name by its id", close
    for dialect, facts in _DIALECTS.items():
        if dialect in settings.dialects:
            yield from ((f"{dialect}: {fact}", close) for fact in facts)
    yield "a registration tells that an address is another's", close
    yield "passwords may be short or common, as in the documents' examples", close


def _deployment(settings: Settings) -> Iterator[tuple[str, str]]:
    if settings.registration is Registration.OPEN:
        yield "anybody may register an account", "IDENTITY_REGISTRATION=admin"
    if not settings.public_url:
        yield (
            "the Location of a new account follows the request's Host",
            "IDENTITY_PUBLIC_URL=https://…",
        )
    elif settings.public_url.startswith("http://"):
        yield (
            "the public URL is not https: passwords travel in the clear",
            "IDENTITY_PUBLIC_URL=https://…",
        )
    if not settings.step_up_seconds:
        yield (
            "a token of any age may change passwords and addresses",
            "IDENTITY_STEP_UP_SECONDS=900",
        )
    if settings.smtp_url is None:
        yield "mails, with their tokens, are printed to the log", "IDENTITY_SMTP_URL=smtp://…"
    if not settings.ip_failures:
        yield "one address may try any number of passwords", "IDENTITY_IP_FAILURES=100"
    if any(_wide(network) for network in settings.trusted_proxies):
        yield "very many addresses are trusted as proxies", "IDENTITY_TRUSTED_PROXIES=…"


def _wide(network: IPv4Network | IPv6Network) -> bool:
    return network.prefixlen < network.max_prefixlen // 4
