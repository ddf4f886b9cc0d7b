"""The settings: every one with its reader, its default and what it means; unsafe or unknown ones stop the start."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL

from identity.domain.exposure import Registration
from identity.domain.ips import IPNetwork
from identity.domain.smtp import SmtpServer
from identity.settings.names import require_known
from identity.settings.readers import (
    DIALECTS,
    Rate,
    SettingError,
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
from identity.settings.secret_files import SUFFIX, with_secret_files

PREFIX: Final = "IDENTITY_"
_DAY: Final = 24 * 60 * 60
_MIB: Final = 1024


def _setting(
    read: Callable[[str], Any], default: str, meaning: str, *, secret: bool = False
) -> Any:  # noqa: ANN401 - like dataclasses.field
    words = {"read": read, "default": default, "meaning": meaning, "secret": secret}
    return dataclasses.field(repr=not secret, metadata=words)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the operator decided. Read once at start, never again."""

    data_dir: Path = _setting(
        read_directory, "instance", "the directory with all state: SQLite file, keys"
    )
    database_url: URL = _setting(
        read_database_url, "", "SQLAlchemy URL; default: SQLite in the data directory", secret=True
    )
    database_pool: int = _setting(read_whole(1, 200), "10", "connections per worker")
    secret_keys: tuple[str, ...] = _setting(
        read_keys,
        "",
        "signing keys, comma-separated, newest last; default: made once into the data directory",
        secret=True,
    )
    admin_username: str = _setting(
        str, "admin", "administrator made at the first start; empty: none"
    )
    admin_password: str = _setting(
        str, "", "the administrator's password; default: random, printed once", secret=True
    )
    public_url: str = _setting(
        read_public_url, "", "base of every Location; default: the request's Host"
    )
    registration: Registration = _setting(
        one_of(Registration), "open", "who may register accounts: open, admin or closed"
    )
    unconfirmed_days: timedelta = _setting(
        read_days(0, 36_500),
        "0",
        "after how many days an account loses an email that it has not confirmed; 0: never",
    )
    reserved_usernames: frozenset[str] = _setting(
        read_names,
        "0,anonymous,me,nobody,none,null,root,self,system,undefined",
        "usernames that no account gets, except from `identity create-admin`, comma-separated; empty: none",
    )
    hardened: bool = _setting(read_switch, "false", "close what the documents leave open")
    smtp_url: SmtpServer | None = _setting(
        read_smtp_url,
        "",
        "smtp://user:password@host:port, smtps://…, or with ?starttls=1; unset: mail is printed to the log",
        secret=True,
    )
    mail_from: str = _setting(
        read_mail_from,
        "identity@localhost",
        "sender of every mail: an email, or Name <email>; without a name, IDENTITY_NAME",
    )
    name: str = _setting(
        read_service_name, "Identity", "what the service is called in mails; empty: nothing"
    )
    dialects: frozenset[str] = _setting(
        read_dialects,
        ",".join(DIALECTS),
        "other dialects that are spoken, comma-separated; empty: none",
    )
    dialect_hosts: dict[str, str] = _setting(
        read_dialect_hosts,
        "",
        "hosts that speak one dialect at their root, such as wekan.example.org=wekan",
    )
    certificate_seconds: timedelta = _setting(
        read_seconds(60, 3650 * _DAY), str(365 * _DAY), "life of a client certificate"
    )
    ca_file: str = _setting(
        str,
        "",
        "PEM file with the CA's key and certificate chain; default: made once into the data directory",
    )
    proxy_secret: str = _setting(
        read_secret,
        "",
        "what a trusted proxy sends in X-Proxy-Secret beside a client certificate",
        secret=True,
    )
    trusted_proxies: tuple[IPNetwork, ...] = _setting(
        read_networks, "", "networks whose X-Forwarded-For counts, comma-separated"
    )
    forward_headers: frozenset[str] = _setting(
        read_forward_headers,
        "identity",
        "headers of `/api/verify`, some of identity (always), email, name, remote and webauth, comma-separated",
    )
    directory_sessions: int = _setting(
        read_whole(1, 10_000_000), "100000", "live sessions remembered per worker"
    )
    allowed_origins: frozenset[str] = _setting(
        read_origins,
        "",
        "origins whose pages may use the service, such as https://app.example.org, comma-separated",
    )
    metrics_token: str = _setting(
        read_bearer,
        "",
        "what /metrics wants as a Bearer token, else an administrator; empty: open",
        secret=True,
    )
    token_seconds: timedelta = _setting(read_seconds(1, _DAY), "600", "life of an access token")
    session_seconds: timedelta = _setting(
        read_seconds(1, 366 * _DAY), str(30 * _DAY), "absolute end of a session after its login"
    )
    sessions_per_account: int = _setting(
        read_whole(1, 10_000),
        "100",
        "live sessions of an account in each pool; one more ends another of its pool",
    )
    step_up_seconds: timedelta = _setting(
        read_seconds(0, _DAY),
        "900",
        "how old the proof of a token may be for sensitive changes; 0: any age",
    )
    argon2_memory_kib: int = _setting(
        read_whole(8, 1024 * _MIB), str(19 * _MIB), "memory of one password hash"
    )
    argon2_time: int = _setting(read_whole(1, 16), "2", "passes of one password hash")
    hash_queue: int = _setting(
        read_whole(1, 64),
        "4",
        "password checks per worker at once: one computes, others wait; `identity serve`: at least half of --threads",
    )
    password_memory_seconds: timedelta = _setting(
        read_seconds(0, 60),
        "5",
        "how long a worker knows a right password again without hashing it; 0: not at all",
    )
    lockout_failures: int = _setting(
        read_whole(1, 1000), "50", "wrong passwords in a row before a name is locked"
    )
    lockout_seconds: timedelta = _setting(
        read_seconds(1, _DAY), "900", "how long a name stays locked"
    )
    ip_failures: int = _setting(
        read_whole(0, 1_000_000),
        "100",
        "wrong passwords from one address before it is locked; 0: any number",
    )
    ip_seconds: timedelta = _setting(
        read_seconds(1, _DAY),
        "900",
        "how long wrong passwords from one address are counted together",
    )
    registration_limit: Rate = _setting(
        read_rate, "100/60", "registrations from one address, as number/seconds; 0: any number"
    )
    reset_limit: Rate = _setting(
        read_rate,
        "300/3600",
        "requests for a new password from one address, as number/seconds; 0: any number",
    )
    requested_mail_limit: Rate = _setting(
        read_rate,
        "60/3600",
        "registrations with an email, new emails and requests for a new password from one IP together; 0: any number",
    )
    mail_limit: Rate = _setting(
        read_rate,
        "3/3600",
        "mails of a kind to one email at the request of one IP, as number/seconds; 0: any number",
    )
    certificate_limit: Rate = _setting(
        read_rate,
        "200/3600",
        "certificates signed for one account, as number/seconds; 0: any number",
    )
    drain_seconds: timedelta = _setting(
        read_seconds(0, 3600),
        "0",
        "how long /readyz says 503 after SIGTERM, before the service stops to listen",
    )
    log_requests: str = _setting(
        one_of("changes", "all", "none"),
        "changes",
        "requests to log: changes (and refusals), all or none",
    )
    log_sample: int = _setting(
        read_whole(0, 1_000_000),
        "0",
        "of the requests that are not logged otherwise, log one in so many; 0: none",
    )
    log_audit: bool = _setting(read_switch, "true", "log each event of the audit trail")
    audit_sessions: bool = _setting(
        read_switch,
        "false",
        "record also the session that a login by password opens, as an event of its own",
    )
    audit_days: timedelta = _setting(
        read_days(0, 36_500), "365", "how long the audit trail keeps an event; 0: for ever"
    )

    @classmethod
    def load(cls, values: Mapping[str, str]) -> Settings:
        """Read the `IDENTITY_…` names of a mapping; other names are somebody else's.

        Raises:
            SettingError: a setting is unknown, unreadable or unsafe; the text is one clear line.
        """
        given = {name: value for name, value in values.items() if name.startswith(PREFIX)}
        secrets = [_name(field) for field in dataclasses.fields(cls) if field.metadata["secret"]]
        names = [_name(field) for field in dataclasses.fields(cls)]
        require_known(given.items(), [*names, *(name + SUFFIX for name in secrets)])
        given = with_secret_files(given, secrets)
        settings = cls(**{field.name: _read(field, given) for field in dataclasses.fields(cls)})
        if not settings.database_url.drivername:
            settings = dataclasses.replace(settings, database_url=_embedded(settings.data_dir))
        if settings.proxy_secret and settings.proxy_secret in settings.secret_keys:
            raise SettingError(
                "IDENTITY_PROXY_SECRET: it is a signing key, too, and the proxy may not have that one"
            )
        if settings.hardened:
            _require_hardened(settings)
        return settings

    @classmethod
    def from_environment(cls) -> Settings:
        """Read the process environment; see `load`."""
        return cls.load(os.environ)

    @property
    def database_name(self) -> str:
        """The database URL without its secrets, which may stand in two places."""
        return self.database_url.set(query={}).render_as_string(hide_password=True)

    @property
    def database_file(self) -> Path | None:
        """The file of an SQLite database that is named by its path."""
        name = self.database_url.database or ""
        named = self.database_url.get_backend_name() == "sqlite" and not name.startswith("file:")
        return Path(name) if named else None

    @property
    def embedded(self) -> bool:
        """Whether the database is the file in the data directory."""
        return self.database_url == _embedded(self.data_dir)


@dataclass(frozen=True, slots=True)
class SettingInfo:
    """One setting, for people."""

    name: str
    default: str
    meaning: str
    secret: bool


def described() -> tuple[SettingInfo, ...]:
    """Return every setting with its default and meaning, in the order of `Settings`."""
    return tuple(
        SettingInfo(
            _name(field),
            field.metadata["default"],
            field.metadata["meaning"],
            field.metadata["secret"],
        )
        for field in dataclasses.fields(Settings)
    )


def _require_hardened(settings: Settings) -> None:
    if settings.public_url and not settings.public_url.startswith("https://"):
        raise SettingError("IDENTITY_PUBLIC_URL: a hardened service is reached by https only")
    if settings.argon2_memory_kib < 19 * _MIB or settings.argon2_time < 2:  # noqa: PLR2004 - OWASP's floor for one lane
        raise SettingError(
            "IDENTITY_ARGON2_MEMORY_KIB: a hardened service hashes with 19456 KiB and 2 passes or more"
        )
    if not settings.step_up_seconds:
        raise SettingError("IDENTITY_STEP_UP_SECONDS: a hardened service asks for a fresh proof")


def _name(field: dataclasses.Field[Any]) -> str:
    return PREFIX + field.name.upper()


def _read(field: dataclasses.Field[Any], given: Mapping[str, str]) -> Any:  # noqa: ANN401 - the field's own type
    name = _name(field)
    text = given.get(name, field.metadata["default"])
    read = field.metadata["read"]
    try:
        return read(text if read is str else text.strip())
    except ValueError as error:
        raise SettingError(f"{name}: {error}") from None


def _embedded(data_dir: Path) -> URL:
    return URL.create("sqlite", database=str(data_dir.absolute() / "identity.sqlite3"))
