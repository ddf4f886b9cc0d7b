"""Parses the texts of settings. Each reader raises ValueError, which says what is expected."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from enum import StrEnum
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from identity.domain.ips import IPNetwork, plain_network
from identity.domain.smtp import Sender, SmtpServer
from identity.domain.values import KEY_MIN, canonical, is_username, is_weak_key

Rate = tuple[int, timedelta]

FORWARD_HEADERS: Final = ("identity", "email", "name", "remote", "webauth")
DIALECTS: Final = ("nerveshub", "wekan", "continuous", "azuma")
_HOST: Final = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?")
_ORIGIN: Final = re.compile(r"https?://(?:[a-z0-9_.-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")
_PUBLIC_URL: Final = re.compile(
    r"https?://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]+)?(?:/[A-Za-z0-9._~/-]*)?"
)
_SERVICE_NAME_MAX: Final = 64
_NO_URL: Final = URL.create("")


class SettingError(Exception):
    """A setting is unknown, invalid or unsafe. The text is one line without secrets."""


def read_whole(least: int, most: int) -> Callable[[str], int]:
    """Return a reader of whole numbers within bounds."""

    def read(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", text) or not least <= int(text) <= most:
            raise ValueError(f"must be a whole number from {least} to {most}")
        return int(text)

    return read


def read_seconds(least: int, most: int) -> Callable[[str], timedelta]:
    """Return a reader of durations in whole seconds."""
    whole = read_whole(least, most)
    return lambda text: timedelta(seconds=whole(text))


def read_rate(text: str) -> Rate:
    """Read a number and its seconds, such as 100/60; 0 means no limit."""
    if text == "0":
        return 0, timedelta()
    match = re.fullmatch(r"([1-9][0-9]{0,6})/([1-9][0-9]{0,4})", text)
    if match is None:
        raise ValueError("must be number/seconds, such as 100/60, or 0 for no limit")
    return int(match[1]), timedelta(seconds=int(match[2]))


def read_days(least: int, most: int) -> Callable[[str], timedelta]:
    """Return a reader of durations in whole days."""
    whole = read_whole(least, most)
    return lambda text: timedelta(days=whole(text))


def read_switch(text: str) -> bool:
    """Read true or false; other spellings are refused."""
    if text not in {"true", "false"}:
        raise ValueError("must be true or false")
    return text == "true"


def one_of(choices: type[StrEnum] | str, *more: str) -> Callable[[str], Any]:
    """Return a reader of one of several words, or of the values of an enumeration."""
    allowed: dict[str, str] = (
        {choice: choice for choice in (choices, *more)}
        if isinstance(choices, str)
        else {choice.value: choice for choice in choices}
    )

    def read(text: str) -> Any:  # noqa: ANN401 - a word or a member, as the caller's field says
        if text not in allowed:
            raise ValueError(f"must be one of {', '.join(allowed)}")
        return allowed[text]

    return read


def read_keys(text: str) -> tuple[str, ...]:
    """Read signing keys; without any, those of the data directory are used."""
    keys = tuple(key.strip() for key in text.split(",")) if text else ()
    if any(map(is_weak_key, keys)):
        raise ValueError(
            f"each key needs at least {KEY_MIN} random characters; use `openssl rand -hex 32`"
        )
    if len(set(keys)) != len(keys):
        raise ValueError("duplicate key")
    return keys


def read_secret(text: str) -> str:
    """Read one shared secret; without it, the feature that needs it is off."""
    if text and (len(text) < KEY_MIN or not text.isascii() or not text.isprintable()):
        raise ValueError(
            f"must be at least {KEY_MIN} random characters; use `openssl rand -hex 32`"
        )
    return text


def read_bearer(text: str) -> str:
    """Read one shared secret that fits into an Authorization header (RFC 6750 section 2.1)."""
    if text and not re.fullmatch(rf"[A-Za-z0-9._~+/-]{{{KEY_MIN},}}=*", text, re.ASCII):
        raise ValueError(
            f"must be at least {KEY_MIN} random letters and digits; use `openssl rand -hex 32`"
        )
    return text


def read_networks(text: str) -> tuple[IPNetwork, ...]:
    """Read networks such as 10.0.0.0/8,::1; a network of all IPs is refused."""
    try:
        networks = tuple(plain_network(ip_network(part)) for part in _parts(text))
    except ValueError:
        raise ValueError("must be networks such as 127.0.0.1,10.0.0.0/8,fd00::/8") from None
    if any(network.prefixlen == 0 for network in networks):
        raise ValueError("must not contain all IPs, or clients could choose their own IP")
    return networks


def read_origins(text: str) -> frozenset[str]:
    """Read origins as browsers write them (RFC 6454 section 6.2), without default ports; no `*`."""
    origins = frozenset(_parts(text))
    for origin in origins:
        default = ":443" if origin.startswith("https:") else ":80"
        if not _ORIGIN.fullmatch(origin) or origin.endswith(default) or not _is_port_valid(origin):
            raise ValueError(
                "must be origins such as https://app.example.org, without paths or default ports"
            )
    return origins


def read_directory(text: str) -> Path:
    """Read a directory; empty is not the current one, but refused."""
    if not text:
        raise ValueError("must be a directory")
    return Path(text)


def read_public_url(text: str) -> str:
    """Read the base URL of the service; a trailing slash is removed."""
    if text and not (_PUBLIC_URL.fullmatch(text) and _is_port_valid(text)):
        raise ValueError("must be an absolute URL such as https://id.example.org")
    return text.rstrip("/")


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")] if text else []


def _is_port_valid(url: str) -> bool:
    try:
        urlsplit(url).port  # noqa: B018 - the property raises for an invalid port
    except ValueError:
        return False
    return True


def read_database_url(text: str) -> URL:
    """Read a SQLAlchemy URL of PostgreSQL or SQLite; empty: the file in the data directory."""
    if not text:
        return _NO_URL
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise ValueError("must be a URL such as postgresql://user:password@host/name") from None
    if url.drivername in {"postgres", "postgresql"}:  # the spellings of libpq and hosting services
        url = url.set(drivername="postgresql+psycopg")
    if url.drivername not in {"sqlite", "sqlite+pysqlite", "postgresql+psycopg"}:
        raise ValueError("must begin with postgresql:// or sqlite:///")
    if "@" in (url.host or ""):  # part of a password, which would be shown as the host
        raise ValueError("write @ in a password as %40")
    if url.get_backend_name() == "sqlite" and (not url.database or ":memory:" in url.database):
        raise ValueError("SQLite needs a file, which the workers share")
    return url


def read_dialects(text: str) -> frozenset[str]:
    """Read names of dialects."""
    names = frozenset(_parts(text))
    if not names <= set(DIALECTS):
        raise ValueError(f"must be some of {', '.join(DIALECTS)}")
    return names


def read_forward_headers(text: str) -> frozenset[str]:
    """Read names of header sets; `identity` is always included."""
    names = frozenset(_parts(text))
    if not names <= set(FORWARD_HEADERS):
        raise ValueError(f"must be some of {', '.join(FORWARD_HEADERS)}")
    return names | {FORWARD_HEADERS[0]}


def read_dialect_hosts(text: str) -> dict[str, str]:
    """Read pairs such as wekan.example.org=wekan."""
    pairs = [part.partition("=") for part in _parts(text)]
    hosts = {host.strip().lower(): name.strip() for host, _, name in pairs}
    if not all(_HOST.fullmatch(host) and name in DIALECTS for host, name in hosts.items()):
        raise ValueError(
            f"must be pairs such as wekan.example.org=wekan with {', '.join(DIALECTS)}"
        )
    if len(hosts) < len(pairs):
        raise ValueError("duplicate host")
    return hosts


def read_names(text: str) -> frozenset[str]:
    """Read usernames in canonical form."""
    names = frozenset(canonical(part) for part in _parts(text))
    if not all(map(is_username, names)):
        raise ValueError("must be usernames such as root,system, without a trailing comma")
    return names


def read_smtp_url(text: str) -> SmtpServer | None:
    """Read the mail server; empty: none, and mails go to the log."""
    if not text:
        return None
    parts = urlsplit(text)
    is_valid = parts.scheme in {"smtp", "smtps"} and parts.query in {"", "starttls=1"}
    if not (is_valid and parts.hostname and _is_port_valid(text)):
        raise ValueError("must be smtp://user:password@host:port, smtps://… or …?starttls=1")
    tls = parts.scheme == "smtps"
    return SmtpServer(
        parts.hostname,
        parts.port or (465 if tls else 25),
        unquote(parts.username or ""),
        unquote(parts.password or ""),
        tls,
        bool(parts.query),
    )


def read_mail_from(text: str) -> str:
    """Read the sender of mails: an email, with or without a display name."""
    Sender.parse(text)
    return text


def read_service_name(text: str) -> str:
    """Read the name of the service in mails: one short line; empty: no name."""
    if len(text) > _SERVICE_NAME_MAX or not text.isprintable() or set(text) & set('<>"\\'):
        raise ValueError(
            f'must be one line of up to {_SERVICE_NAME_MAX} characters, without <, >, " and \\'
        )
    return text
