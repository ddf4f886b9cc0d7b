"""The settings: each is read, and what is unsafe, unreadable or unknown stops the start with one
clear line."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url

from identity.domain.exposure import Registration
from identity.domain.poolers import Pooler
from identity.domain.smtp import SmtpServer
from identity.settings import Settings, described
from identity.settings.readers import SettingError

KEY, OTHER_KEY = "0123456789abcdef" * 2, "fedcba9876543210" * 2
POSTGRESQL = "postgresql+psycopg://user:pass@host:5432/name"

GOOD: list[tuple[str, str, Any]] = [
    ("data_dir", "/var/lib/identity", Path("/var/lib/identity")),
    ("data_dir", " data ", Path("data")),
    *(
        ("database_url", POSTGRESQL.replace("postgresql+psycopg", scheme), make_url(POSTGRESQL))
        for scheme in ("postgres", "postgresql", "postgresql+psycopg")
    ),
    (
        "database_url",
        "postgres:///name?host=/run/postgresql&sslmode=require",
        make_url("postgresql+psycopg:///name?host=/run/postgresql&sslmode=require"),
    ),
    ("database_pool", "1", 1),
    ("database_pool", "200", 200),
    *(("database_pooler", each.value, each) for each in Pooler),
    ("secret_keys", "", ()),
    ("secret_keys", KEY, (KEY,)),
    ("secret_keys", f"{KEY}, {OTHER_KEY}", (KEY, OTHER_KEY)),
    ("admin_username", "", ""),
    ("admin_username", "root", "root"),
    ("admin_password", "changeme", "changeme"),
    ("public_url", "", ""),
    ("public_url", "https://id.example.org", "https://id.example.org"),
    ("public_url", "https://id.example.org/", "https://id.example.org"),
    ("public_url", "http://[::1]:5000/base/", "http://[::1]:5000/base"),
    ("registration", "open", Registration.OPEN),
    ("registration", "admin", Registration.ADMIN),
    ("registration", "closed", Registration.CLOSED),
    ("hardened", "true", True),
    ("hardened", "false", False),
    ("trusted_proxies", "", ()),
    ("trusted_proxies", "127.0.0.1,::1", (ip_network("127.0.0.1"), ip_network("::1"))),
    ("trusted_proxies", "10.0.0.0/8, fd00::/8", (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))),
    (
        "trusted_proxies",
        "::ffff:192.0.2.0/120,::fffe:0:0/96",
        (ip_network("192.0.2.0/24"), ip_network("::fffe:0:0/96")),
    ),
    ("directory_sessions", "1", 1),
    ("token_seconds", "86400", timedelta(days=1)),
    ("session_seconds", "1", timedelta(seconds=1)),
    ("argon2_memory_kib", "8", 8),
    ("argon2_memory_kib", "1048576", 1048576),
    ("argon2_time", "16", 16),
    ("hash_queue", "64", 64),
    ("log_sample", "100", 100),
    ("password_memory_seconds", "0", timedelta(0)),
    ("password_memory_seconds", "60", timedelta(seconds=60)),
    ("lockout_failures", "1000", 1000),
    ("lockout_seconds", "86400", timedelta(days=1)),
    ("ip_failures", "0", 0),
    ("ip_seconds", "1", timedelta(seconds=1)),
    ("registration_limit", "100/60", (100, timedelta(minutes=1))),
    ("reset_limit", "0", (0, timedelta())),
    ("requested_mail_limit", "60/3600", (60, timedelta(hours=1))),
    ("mail_limit", "1/86400", (1, timedelta(days=1))),
    ("certificate_limit", "9999999/99999", (9999999, timedelta(seconds=99999))),
    ("log_requests", "changes", "changes"),
    ("smtp_url", "", None),
    (
        "smtp_url",
        "smtp://mail.example.org",
        SmtpServer("mail.example.org", 25, "", "", tls=False, starttls=False),
    ),
    (
        "smtp_url",
        "smtps://u:p%40ss@host",
        SmtpServer("host", 465, "u", "p@ss", tls=True, starttls=False),
    ),
    (
        "smtp_url",
        "smtp://host:587?starttls=1",
        SmtpServer("host", 587, "", "", tls=False, starttls=True),
    ),
    ("mail_from", "id@example.org", "id@example.org"),
    ("mail_from", "Acme Identity <id@example.org>", "Acme Identity <id@example.org>"),
    ("name", "", ""),
    ("name", "Büro & Söhne, Inc.", "Büro & Söhne, Inc."),
    ("reserved_usernames", "", frozenset()),
    ("reserved_usernames", "Root, _x,0", frozenset({"root", "_x", "0"})),
    ("dialects", "", frozenset()),
    ("dialects", "wekan, azuma", frozenset({"wekan", "azuma"})),
    ("dialect_hosts", "", {}),
    (
        "dialect_hosts",
        "Wekan.example.org=wekan,a.b:8080=azuma",
        {"wekan.example.org": "wekan", "a.b:8080": "azuma"},
    ),
    ("certificate_seconds", "60", timedelta(minutes=1)),
    ("ca_file", "/etc/ca.pem", "/etc/ca.pem"),
    ("allowed_origins", "", frozenset()),
    (
        "allowed_origins",
        "https://a.example, http://b:3000",
        frozenset({"https://a.example", "http://b:3000"}),
    ),
    ("forward_headers", "identity", frozenset({"identity"})),
    ("forward_headers", "identity,email,name", frozenset({"identity", "email", "name"})),
    ("metrics_token", "", ""),
    ("metrics_token", KEY, KEY),
    ("proxy_secret", "", ""),
    ("proxy_secret", KEY, KEY),
    ("log_requests", "all", "all"),
    ("log_requests", "none", "none"),
    ("log_audit", "false", False),
    ("audit_sessions", "true", True),
    ("drain_seconds", "0", timedelta(0)),
    ("drain_seconds", "3600", timedelta(hours=1)),
    ("audit_days", "0", timedelta(0)),
    ("unconfirmed_days", "7", timedelta(days=7)),
    ("audit_days", "36500", timedelta(days=36500)),
    ("sessions_per_account", "1", 1),
    ("sessions_per_account", "10000", 10000),
    ("step_up_seconds", "0", timedelta(0)),
    ("step_up_seconds", "86400", timedelta(days=1)),
]
NO_NUMBER = ["", "x", "-1", "+1", "1.5", "1e3", "0x10", "1_000", "\u0661", "1 0", "9" * 10]
NO_RATE = [
    *NO_NUMBER,
    "1",
    "0/60",
    "60/0",
    "1/",
    "/1",
    "1/1/1",
    "-1/60",
    "1 / 60",
    "1/100000",
    "00",
    "\u0661/60",
]
BAD: dict[str, list[str]] = {
    "data_dir": ["", " "],  # the current directory would be closed to its owner's group
    "database_url": [
        "identity.sqlite3",
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite:///file::memory:?uri=true",
        "postgresql+psycopg2://u:canary@host/name",
        "postgresql+psycopg://u:canary@host:port/name",
        "postgres://u:canary@host:port/name",
        "postgresql+asyncpg://u:canary@host/name",
        "mysql://u:canary@host/name",
        "://canary",
        "canary",
    ],
    "database_pool": [*NO_NUMBER, "0", "201"],
    "database_pooler": ["", "yes", "statement", "Session"],
    "secret_keys": [
        "canary",
        "canary" + "a" * 25,
        f"{KEY},canary",
        f"{KEY},",
        f",{KEY}",
        ",",
        f"{KEY},{KEY}",
        f"{KEY}, {KEY}",
        "a" * 64,
        "ab" * 32,
    ],
    "public_url": [
        "id.example.org",
        "//id.example.org",
        "ftp://id.example.org",
        "https://",
        "https:///path",
        "https://u:canary@id.example.org",
        "https://u:canary@id\u2100.example.org",
        "https://id.example.org?canary=1",
        "https://id.example.org/#canary",
        "https://id.example.org/?",
        "https://id.example.org/ canary",
        "https://id.example.org/\ncanary",
        "https://[::1",
        "https://id.example.org:canary",
        "https://id.example.org:99999",
        "javascript:canary",
    ],
    "registration": ["", "OPEN", "Registration.OPEN", "yes", "canary"],
    "reserved_usernames": [",", "root,", "a b", "\u00e4", "x" * 65, "canary:"],
    "hardened": ["", "True", "TRUE", "1", "0", "yes", "no", "on", "canary"],
    "trusted_proxies": [
        "*",
        "0.0.0.0/0",
        "::/0",
        "127.0.0.1,0.0.0.0/0",
        "::ffff:0.0.0.0/96",
        "localhost",
        "10.0.0.1/8",
        "10.0.0.0/33",
        ",",
    ],
    "directory_sessions": [*NO_NUMBER, "0", "10000001"],
    "token_seconds": [*NO_NUMBER, "0", "86401"],
    "session_seconds": [*NO_NUMBER, "0", str(366 * 86400 + 1)],
    "argon2_memory_kib": [*NO_NUMBER, "7", "1048577"],
    "argon2_time": [*NO_NUMBER, "0", "17"],
    "hash_queue": [*NO_NUMBER, "0", "65"],
    "log_sample": [*NO_NUMBER, "-1", "1000001"],
    "password_memory_seconds": [*NO_NUMBER, "-1", "61"],
    "lockout_failures": [*NO_NUMBER, "0", "1001"],
    "lockout_seconds": [*NO_NUMBER, "0", "86401"],
    "ip_failures": [*NO_NUMBER, "1000001"],
    "ip_seconds": [*NO_NUMBER, "0", "86401"],
    "registration_limit": NO_RATE,
    "reset_limit": NO_RATE,
    "mail_limit": NO_RATE,
    "requested_mail_limit": NO_RATE,
    "certificate_limit": NO_RATE,
    "smtp_url": [
        "mail.example.org",
        "http://host",
        "smtp://",
        "smtp://host:canary",
        "smtp://host?canary=1",
    ],
    "mail_from": [
        "",
        "canary",
        "a@b@c",
        "a b@c",
        "canary <a@b",
        "<a@b>",
        "a <b> <c@d>",
        "a\nb <c@d>",
    ],
    "name": ["a\nb", "x" * 65, "canary<", "a\u2028b", '"', "a\\b"],
    "dialects": ["canary", "wekan,", "native"],
    "dialect_hosts": ["wekan", "host=canary", "=wekan", "a.b=wekan,a.b=azuma", "a b=wekan"],
    "certificate_seconds": [*NO_NUMBER, "59", str(3650 * 86400 + 1)],
    "allowed_origins": [
        *("*", "null", "a.example", "https://", "https://a.example/", "https://A.example", ","),
        *(
            "https://a.example:443",
            "http://a:80",
            "https://*.example",
            "https://a:99999",
            "ftp://a",
            "https://a@b",
        ),
    ],
    "forward_headers": ["canary", "identity,canary", "identity,", "canary:Email"],
    "metrics_token": ["canary", "canary " * 8, "c=anary" * 8, "canary:" * 8],
    "proxy_secret": ["canary", "ca\u0301nary" * 8],
    "log_requests": ["", "All", "yes", "canary"],
    "log_audit": ["", "True", "1", "canary"],
    "audit_sessions": ["", "True", "1", "canary"],
    "drain_seconds": [*NO_NUMBER, "3601"],
    "audit_days": [*NO_NUMBER, "36501"],
    "unconfirmed_days": [*NO_NUMBER, "36501"],
    "sessions_per_account": [*NO_NUMBER, "0", "10001"],
    "step_up_seconds": [*NO_NUMBER, "86401"],
}
ANY_TEXT = {"admin_username", "admin_password", "ca_file"}  # judged where the administrator is made


def variable(name: str) -> str:
    return f"IDENTITY_{name.upper()}"


def load(**settings: str) -> Settings:
    return Settings.load({variable(name): text for name, text in settings.items()})


def refusal(**settings: str) -> str:
    with pytest.raises(SettingError) as caught:
        load(**settings)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return str(caught.value)


def test_defaults_are_those_of_the_design() -> None:
    settings = load()
    assert settings.token_seconds == timedelta(seconds=600)
    assert settings.session_seconds == timedelta(days=30)
    assert (settings.argon2_memory_kib, settings.argon2_time) == (19456, 2)
    assert (settings.registration, settings.hardened) == (Registration.OPEN, False)
    assert (settings.admin_username, settings.admin_password) == ("admin", "")
    assert settings.secret_keys == settings.trusted_proxies == ()
    assert settings.embedded


@pytest.mark.parametrize(("name", "text", "value"), GOOD)
def test_setting_is_read(name: str, text: str, value: Any) -> None:
    assert getattr(load(**{name: text}), name) == value


@pytest.mark.parametrize(
    ("name", "text"), [(name, text) for name, texts in BAD.items() for text in texts]
)
def test_setting_stops_the_start_with_one_line_that_names_it_and_repeats_no_secret(
    name: str, text: str
) -> None:
    said = refusal(**{name: text})
    assert said.startswith(f"{variable(name)}: ")
    assert said.splitlines() == [said]
    assert "canary" not in said


def test_a_proxy_is_not_given_a_signing_key() -> None:
    said = refusal(secret_keys=f"{OTHER_KEY},{KEY}", proxy_secret=KEY)
    assert said.startswith("IDENTITY_PROXY_SECRET: ")
    assert KEY not in said


def test_every_setting_stands_in_the_tables_above() -> None:
    names = {field.name for field in dataclasses.fields(Settings)}
    assert names == {name for name, _, _ in GOOD} | {"database_url"}
    assert names == BAD.keys() | ANY_TEXT


@pytest.mark.parametrize(
    "name", ["IDENTITY_HARDENDED", "IDENTITY_", "IDENTITY_hardened", "IDENTITY_SECRET_KEY"]
)
def test_unknown_setting_stops_the_start_without_its_value(name: str) -> None:
    with pytest.raises(SettingError, match="no such setting") as caught:
        Settings.load({name: "canary"})
    assert str(caught.value).startswith(f"{name}: ")
    assert "canary" not in str(caught.value)


def test_variables_of_others_are_left_alone() -> None:
    assert (
        Settings.load({"PATH": "/bin", "MY_IDENTITY_X": "1", "identity_hardened": "true"}) == load()
    )


def test_administrators_password_is_kept_to_the_letter() -> None:
    assert load(admin_password=" two words ").admin_password == " two words "


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("sqlite:////var/lib/identity.sqlite3", "sqlite:////var/lib/identity.sqlite3"),
        ("sqlite+pysqlite:///x.sqlite3", "sqlite+pysqlite:///x.sqlite3"),
        (POSTGRESQL, "postgresql+psycopg://user:***@host:5432/name"),
        (
            "postgresql+psycopg:///name?host=/run/postgresql",
            "postgresql+psycopg:///name?host=%2Frun%2Fpostgresql",
        ),
    ],
)
def test_database_url_of_either_engine_is_read(url: str, shown: str) -> None:
    settings = load(database_url=url)
    assert settings.database_url.render_as_string() == shown
    assert not settings.embedded


def test_database_is_a_file_in_the_data_directory_unless_another_one_is_given(
    tmp_path: Path,
) -> None:
    settings = load(data_dir=str(tmp_path))
    assert settings.database_url.database == str(tmp_path / "identity.sqlite3")
    assert settings.embedded
    assert load(
        data_dir=str(tmp_path), database_url=f"sqlite:///{tmp_path}/identity.sqlite3"
    ).embedded


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("step_up_seconds", {"step_up_seconds": "0"}),
        ("public_url", {"public_url": "http://id.example.org"}),
        ("argon2_memory_kib", {"argon2_memory_kib": "19455"}),
        ("argon2_memory_kib", {"argon2_time": "1"}),
    ],
)
def test_hardened_service_refuses_what_is_weak(name: str, settings: dict[str, str]) -> None:
    load(**settings)
    assert refusal(hardened="true", **settings).startswith(f"{variable(name)}: ")


def test_hardened_service_takes_the_defaults_and_https() -> None:
    assert load(hardened="true").hardened
    assert load(hardened="true", public_url="https://id.example.org").hardened


def test_settings_never_show_a_secret_by_accident() -> None:
    shown = repr(
        load(
            secret_keys=KEY,
            admin_password="canary",
            database_url=POSTGRESQL.replace("pass", "canary"),
        )
    )
    assert "canary" not in shown
    assert KEY not in shown


def test_every_setting_is_described_with_its_default() -> None:
    about = described()
    assert [one.name for one in about] == [
        variable(field.name) for field in dataclasses.fields(Settings)
    ]
    assert all(one.meaning for one in about)
    assert {one.name for one in about if one.secret} == set(
        map(
            variable,
            (
                "database_url",
                "secret_keys",
                "admin_password",
                "smtp_url",
                "proxy_secret",
                "metrics_token",
            ),
        )
    )
    load(**{one.name.removeprefix("IDENTITY_").lower(): one.default for one in about})
