"""How the text of a setting becomes its value. Each reader raises ValueError with what would be right."""

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
    """A setting is unknown, unreadable or unsafe. The text is one line and repeats no secret."""


def read_whole(least: int, most: int) -> Callable[[str], int]:
    """Return a reader of whole numbers within bounds."""

    def read(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", text) or not least <= int(text) <= most:
            raise ValueError(f"give a whole number from {least} to {most}")
        return int(text)

    return read


def read_seconds(least: int, most: int) -> Callable[[str], timedelta]:
    """Return a reader of a span given in whole seconds."""
    whole = read_whole(least, most)
    return lambda text: timedelta(seconds=whole(text))


def read_rate(text: str) -> Rate:
    """Read how many in how many seconds, such as 100/60; 0 alone is no limit."""
    form = re.fullmatch(r"([1-9][0-9]{0,6})/([1-9][0-9]{0,4})", text)
    if form is None and text != "0":
        raise ValueError("give a number and its seconds, such as 100/60, or 0 for no limit")
    return (int(form[1]), timedelta(seconds=int(form[2]))) if form else (0, timedelta())


def read_days(least: int, most: int) -> Callable[[str], timedelta]:
    """Return a reader of a span given in whole days."""
    whole = read_whole(least, most)
    return lambda text: timedelta(days=whole(text))


def read_switch(text: str) -> bool:
    """Read true or false and nothing that might be either."""
    if text not in {"true", "false"}:
        raise ValueError("give true or false")
    return text == "true"


def one_of(choices: type[StrEnum] | str, *more: str) -> Callable[[str], Any]:
    """Return a reader of one word out of some."""
    allowed = (
        {choice: choice for choice in (choices, *more)}
        if isinstance(choices, str)
        else {c.value: c for c in choices}
    )

    def read(text: str) -> Any:  # noqa: ANN401 - a word or a member, as the caller's field says
        if text not in allowed:
            raise ValueError(f"give one of {', '.join(allowed)}")
        return allowed[text]

    return read


def read_keys(text: str) -> tuple[str, ...]:
    """Read signing keys; none at all means that the data directory has them."""
    keys = tuple(key.strip() for key in text.split(",")) if text else ()
    if any(map(is_weak_key, keys)):
        raise ValueError(
            f"every key needs {KEY_MIN} random characters or more; try `openssl rand -hex 32`"
        )
    if len(set(keys)) != len(keys):
        raise ValueError("the same key stands there twice")
    return keys


def read_secret(text: str) -> str:
    """Read one shared secret; none at all switches off what it protects."""
    if text and (len(text) < KEY_MIN or not text.isascii() or not text.isprintable()):
        raise ValueError(f"use {KEY_MIN} random characters or more; try `openssl rand -hex 32`")
    return text


def read_bearer(text: str) -> str:
    """Read one shared secret that fits into an Authorization header (RFC 6750 section 2.1)."""
    if text and not re.fullmatch(rf"[A-Za-z0-9._~+/-]{{{KEY_MIN},}}=*", text, re.ASCII):
        raise ValueError(
            f"use {KEY_MIN} random letters and digits or more; try `openssl rand -hex 32`"
        )
    return text


def read_networks(text: str) -> tuple[IPNetwork, ...]:
    """Read networks such as 10.0.0.0/8,::1; never all the world."""
    try:
        networks = (
            tuple(plain_network(ip_network(part.strip())) for part in text.split(","))
            if text
            else ()
        )
    except ValueError:
        raise ValueError("give networks such as 127.0.0.1,10.0.0.0/8,fd00::/8") from None
    if any(network.prefixlen == 0 for network in networks):
        raise ValueError("trusting every address lets anybody choose his own")
    return networks


def read_origins(text: str) -> frozenset[str]:
    """Read origins as browsers write them (RFC 6454 section 6.2): no path, no default port, and never all of them."""
    origins = frozenset(part.strip() for part in text.split(",")) if text else frozenset()
    for origin in origins:
        default = ":443" if origin.startswith("https:") else ":80"
        if not _ORIGIN.fullmatch(origin) or origin.endswith(default) or not _sound_port(origin):
            raise ValueError(
                "give origins such as https://app.example.org, without a path or a default port"
            )
    return origins


def read_directory(text: str) -> Path:
    """Read a directory; the current one is never meant."""
    if not text:
        raise ValueError("name a directory")
    return Path(text)


def read_public_url(text: str) -> str:
    """Read the base under which the service is reached, without the slash at its end."""
    if text and not (_PUBLIC_URL.fullmatch(text) and _sound_port(text)):
        raise ValueError("give an absolute URL such as https://id.example.org")
    return text.rstrip("/")


def _sound_port(url: str) -> bool:
    try:
        urlsplit(url).port  # noqa: B018 - asking for it is the check
    except ValueError:
        return False
    return True


def read_database_url(text: str) -> URL:
    """Read a SQLAlchemy URL of one of the two engines; empty means the embedded one."""
    if not text:
        return _NO_URL
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise ValueError("not a database URL; write postgresql://user:password@host/name") from None
    if url.drivername in {
        "postgres",
        "postgresql",
    }:  # as libpq, hosting services and other programs write it
        url = url.set(drivername="postgresql+psycopg")
    if url.drivername not in {"sqlite", "sqlite+pysqlite", "postgresql+psycopg"}:
        raise ValueError("use postgresql://… or sqlite:///…")
    if "@" in (url.host or ""):  # the rest of a password, which would be shown as the host
        raise ValueError("write the @ of a password as %40")
    if url.get_backend_name() == "sqlite" and (not url.database or ":memory:" in url.database):
        raise ValueError("SQLite needs a file here: several workers share it")
    return url


def read_dialects(text: str) -> frozenset[str]:
    """Read names of dialects."""
    names = frozenset(part.strip() for part in text.split(",")) if text else frozenset()
    if not names <= set(DIALECTS):
        raise ValueError(f"give some of {', '.join(DIALECTS)}")
    return names


def read_forward_headers(text: str) -> frozenset[str]:
    """Read names of sets of headers; the one that says who is calling is always among them."""
    names = frozenset(part.strip() for part in text.split(",")) if text else frozenset()
    if not names <= set(FORWARD_HEADERS):
        raise ValueError(f"give some of {', '.join(FORWARD_HEADERS)}")
    return names | {FORWARD_HEADERS[0]}


def read_dialect_hosts(text: str) -> dict[str, str]:
    """Read pairs such as wekan.example.org=wekan."""
    pairs = [part.strip().partition("=") for part in text.split(",")] if text else []
    hosts = {host.strip().lower(): name.strip() for host, _, name in pairs}
    if not all(_HOST.fullmatch(host) and name in DIALECTS for host, name in hosts.items()):
        raise ValueError(f"give pairs such as wekan.example.org=wekan with {', '.join(DIALECTS)}")
    if len(hosts) < len(pairs):
        raise ValueError("the same host stands there twice")
    return hosts


def read_names(text: str) -> frozenset[str]:
    """Read usernames, in the form in which they are compared."""
    names = frozenset(canonical(part.strip()) for part in text.split(",")) if text else frozenset()
    if not all(map(is_username, names)):
        raise ValueError("give usernames such as root,system, without a comma at the end")
    return names


def read_smtp_url(text: str) -> SmtpServer | None:
    """Read the mail server; none means the log."""
    if not text:
        return None
    parts, wrong = (
        urlsplit(text),
        ValueError("write smtp://user:password@host:port, smtps://… or …?starttls=1"),
    )
    try:
        port = parts.port
    except ValueError:
        raise wrong from None
    tls = parts.scheme == "smtps"
    if (
        parts.scheme not in {"smtp", "smtps"}
        or not parts.hostname
        or parts.query not in {"", "starttls=1"}
    ):
        raise wrong
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return SmtpServer(
        parts.hostname, port or (465 if tls else 25), user, password, tls, bool(parts.query)
    )


def read_mail_from(text: str) -> str:
    """Read the sender of mails: an email, with a display name or without."""
    Sender.parse(text)
    return text


def read_service_name(text: str) -> str:
    """Read what the service is called in mails: one short line; empty: it has no name."""
    if len(text) > _SERVICE_NAME_MAX or not text.isprintable() or set(text) & set('<>"\\'):
        raise ValueError(
            f'use one line of up to {_SERVICE_NAME_MAX} characters, without <, >, " and \\'
        )
    return text
