"""The table of settings: each with its reader, default and meaning."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL

from identity.domain.exposure import Registration
from identity.domain.ips import IPNetwork
from identity.domain.poolers import Pooler
from identity.domain.smtp import SmtpServer
from identity.settings.readers import (
    DIALECTS,
    Rate,
    one_of,
    read_bearer,
    read_database_url,
    read_days,
    read_dialect_hosts,
    read_dialects,
    read_directory,
    read_forward_headers,
    read_keys,
    read_mail_from,
    read_names,
    read_networks,
    read_origins,
    read_public_url,
    read_rate,
    read_seconds,
    read_secret,
    read_service_name,
    read_smtp_url,
    read_switch,
    read_whole,
)

_DAY: Final = 24 * 60 * 60
MIB: Final = 1024  # in KiB


def _setting(
    read: Callable[[str], Any], default: str, meaning: str, *, secret: bool = False
) -> Any:  # noqa: ANN401 - like dataclasses.field
    metadata = {"read": read, "default": default, "meaning": meaning, "secret": secret}
    return dataclasses.field(repr=not secret, metadata=metadata)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The settings of an installation."""

    data_dir: Path = _setting(
        read_directory, "instance", "directory of all state: the SQLite file, keys and the CA"
    )
    database_url: URL = _setting(
        read_database_url, "", "SQLAlchemy URL; default: SQLite in the data directory", secret=True
    )
    database_pool: int = _setting(read_whole(1, 200), "10", "connections per worker")
    database_pooler: Pooler = _setting(
        one_of(Pooler),
        "auto",
        "pooler before PostgreSQL: none, session or transaction (its mode), or auto: found out",
    )
    secret_keys: tuple[str, ...] = _setting(
        read_keys,
        "",
        "signing keys, comma-separated, newest last; default: a file in the data directory",
        secret=True,
    )
    admin_username: str = _setting(
        str, "admin", "administrator that the first start creates; empty: none"
    )
    admin_password: str = _setting(
        str, "", "password of that administrator; default: random, printed once", secret=True
    )
    public_url: str = _setting(
        read_public_url, "", "base URL of links and Location headers; default: the request's Host"
    )
    registration: Registration = _setting(
        one_of(Registration), "open", "who may register accounts: open, admin or closed"
    )
    unconfirmed_days: timedelta = _setting(
        read_days(0, 36_500),
        "0",
        "days after which an unconfirmed email is removed from its account; 0: never",
    )
    reserved_usernames: frozenset[str] = _setting(
        read_names,
        "0,anonymous,me,nobody,none,null,root,self,system,undefined",
        "usernames that only `identity create-admin` may use, comma-separated; empty: none",
    )
    hardened: bool = _setting(
        read_switch, "false", "be stricter than the documents; `identity check` lists the exposures"
    )
    smtp_url: SmtpServer | None = _setting(
        read_smtp_url,
        "",
        "smtp://user:password@host:port, smtps://… or …?starttls=1; unset: mails go to the log",
        secret=True,
    )
    mail_from: str = _setting(
        read_mail_from,
        "identity@localhost",
        "sender of mails: an email, or Name <email>; the default name is IDENTITY_NAME",
    )
    name: str = _setting(read_service_name, "Identity", "name of the service in mails; empty: none")
    dialects: frozenset[str] = _setting(
        read_dialects,
        ",".join(DIALECTS),
        "enabled dialects besides the native one, comma-separated; empty: none",
    )
    dialect_hosts: dict[str, str] = _setting(
        read_dialect_hosts,
        "",
        "hosts that serve one dialect at their root, such as wekan.example.org=wekan",
    )
    certificate_seconds: timedelta = _setting(
        read_seconds(60, 3650 * _DAY), str(365 * _DAY), "lifetime of a client certificate"
    )
    ca_file: str = _setting(
        str,
        "",
        "PEM file with the CA's key and certificate chain; default: a file in the data directory",
    )
    proxy_secret: str = _setting(
        read_secret,
        "",
        "secret that a trusted proxy sends in X-Proxy-Secret with a client certificate",
        secret=True,
    )
    trusted_proxies: tuple[IPNetwork, ...] = _setting(
        read_networks, "", "networks of proxies whose X-Forwarded-For is trusted, comma-separated"
    )
    forward_headers: frozenset[str] = _setting(
        read_forward_headers,
        "identity",
        "headers of `/api/verify`, of identity (always), email, name, remote, webauth,"
        " comma-separated",
    )
    directory_sessions: int = _setting(
        read_whole(1, 10_000_000),
        "100000",
        "sessions that a worker caches for tokens without claims",
    )
    allowed_origins: frozenset[str] = _setting(
        read_origins,
        "",
        "origins whose pages may use the service, such as https://app.example.org, comma-separated",
    )
    metrics_token: str = _setting(
        read_bearer,
        "",
        "Bearer token for /metrics, which administrators may read, too; empty: public",
        secret=True,
    )
    token_seconds: timedelta = _setting(read_seconds(1, _DAY), "600", "lifetime of an access token")
    session_seconds: timedelta = _setting(
        read_seconds(1, 366 * _DAY),
        str(30 * _DAY),
        "absolute lifetime of a session with access tokens",
    )
    sessions_per_account: int = _setting(
        read_whole(1, 10_000),
        "100",
        "sessions of an account in each pool; a new login beyond that evicts another session",
    )
    step_up_seconds: timedelta = _setting(
        read_seconds(0, _DAY),
        "900",
        "how recent the authentication must be for sensitive changes; 0: any age",
    )
    argon2_memory_kib: int = _setting(
        read_whole(8, 1024 * MIB), str(19 * MIB), "memory of one password hash"
    )
    argon2_time: int = _setting(read_whole(1, 16), "2", "passes of one password hash")
    hash_queue: int = _setting(
        read_whole(1, 64),
        "4",
        "password checks per worker, of which one computes and others wait;"
        " by default, `identity serve` takes half of --threads",
    )
    password_memory_seconds: timedelta = _setting(
        read_seconds(0, 60),
        "5",
        "how long a worker recognizes a correct password without hashing it; 0: never",
    )
    lockout_failures: int = _setting(
        read_whole(1, 1000), "50", "consecutive wrong passwords that lock a name"
    )
    lockout_seconds: timedelta = _setting(
        read_seconds(1, _DAY), "900", "how long a name stays locked"
    )
    ip_failures: int = _setting(
        read_whole(0, 1_000_000),
        "100",
        "wrong passwords from one IP that lock it; 0: no limit",
    )
    ip_seconds: timedelta = _setting(
        read_seconds(1, _DAY),
        "900",
        "window in which wrong passwords from one IP are counted",
    )
    registration_limit: Rate = _setting(
        read_rate, "100/60", "registrations from one IP, as number/seconds; 0: no limit"
    )
    reset_limit: Rate = _setting(
        read_rate,
        "300/3600",
        "requests for a password reset from one IP, as number/seconds; 0: no limit",
    )
    requested_mail_limit: Rate = _setting(
        read_rate,
        "60/3600",
        "registrations with an email, email changes and requests for a password reset"
        " from one IP, together; 0: no limit",
    )
    mail_limit: Rate = _setting(
        read_rate,
        "3/3600",
        "mails of one kind to one email, requested by one IP, as number/seconds; 0: no limit",
    )
    certificate_limit: Rate = _setting(
        read_rate,
        "200/3600",
        "certificates signed for one account, as number/seconds; 0: no limit",
    )
    drain_seconds: timedelta = _setting(
        read_seconds(0, 3600),
        "0",
        "how long /readyz answers 503 after SIGTERM, before the server stops",
    )
    log_requests: str = _setting(
        one_of("changes", "all", "none"),
        "changes",
        "requests to log: changes (and errors), all or none",
    )
    log_sample: int = _setting(
        read_whole(0, 1_000_000),
        "0",
        "log one in this many of the requests that are not logged otherwise; 0: none",
    )
    log_audit: bool = _setting(read_switch, "true", "write each event of the audit log to the log")
    audit_sessions: bool = _setting(
        read_switch,
        "false",
        "record an additional event for the session that a login by password opens",
    )
    audit_days: timedelta = _setting(
        read_days(0, 36_500), "365", "how long the audit log keeps an event; 0: forever"
    )
