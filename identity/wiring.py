"""The composition root: settings, adapters, services, blueprints, handlers. Runs once, decides nothing later."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from flask import Flask
from sqlalchemy import Engine

from identity import cli, extensions
from identity.adapters import data_directory
from identity.adapters.ca import LocalAuthority, new_authority
from identity.adapters.clock import SystemClock
from identity.adapters.identifiers import RandomIdentifiers
from identity.adapters.jwt import Es256Tokens, new_key
from identity.adapters.logs import log_to_stderr
from identity.adapters.mail import LogMailer, SmtpMailer
from identity.adapters.metrics import PrometheusMetrics
from identity.adapters.opaque import OpaqueTokens
from identity.adapters.passwords import Argon2Cost, Argon2Hasher, GuardedPasswords
from identity.adapters.signing import SignedAccessTokens, SignedOneTimeTokens
from identity.api import NATIVE
from identity.dialects import DIALECTS
from identity.domain.ports import Clock
from identity.services import Services
from identity.services.accounts import Accounts
from identity.services.administration import Administration
from identity.services.audit import Audit
from identity.services.authentication import Authentication
from identity.services.certificates import Certificates
from identity.services.directory import Directory
from identity.services.limits import Limits, LoginLimit
from identity.services.logins import Logins
from identity.services.outbox import Outbox
from identity.services.profiles import Profiles
from identity.services.recovery import Recovery
from identity.services.schema import Schema
from identity.services.token_checks import TokenChecks
from identity.services.tokens import Tokens
from identity.services.transactions import Transactions
from identity.settings import PREFIX, Settings
from identity.settings.readers import SettingError
from identity.web import guard
from identity.web.context import Context
from identity.web.dialect import Tongues
from identity.web.paths import AccountId, Serial, SessionId

_HASH_WAIT: Final = timedelta(seconds=1)
_PARENT_WATCH_SECONDS: Final = 0.5


def create_app(config: object | None = None, *, clock: Clock | None = None) -> Flask:
    """Return a ready application.

    Args:
        config: an object whose `IDENTITY` maps `IDENTITY_…` names to texts, such as `config.Config`;
            None reads the process environment.
        clock: another time than the system's, for tests.

    Raises:
        SettingError: a setting is unknown, unreadable or unsafe.
        DataDirectoryError: the data directory cannot be used.
    """
    values = os.environ if config is None else getattr(config, PREFIX.rstrip("_"))
    log_to_stderr()
    return _build(Settings.load(values), config, clock or SystemClock())


def create_worker() -> Flask:
    """Return the application of one worker of `identity serve`, which ends when that process is killed."""
    parent = multiprocessing.parent_process()  # who may have ended already, while this one was importing
    pid = os.getppid() if parent is None else parent.pid
    threading.Thread(target=_end_with, args=(pid,), name="parent-watch", daemon=True).start()
    return create_app()


def _end_with(parent: int | None) -> None:
    while os.getppid() == parent:
        time.sleep(_PARENT_WATCH_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)


def command() -> int:
    """Run the `identity` command."""
    return cli.main(sys.argv[1:], start=_start, log=log_to_stderr)


def _start() -> tuple[Settings, Services]:
    logging.getLogger("identity").addHandler(logging.NullHandler())  # a command speaks in its own line
    try:
        settings = Settings.from_environment()
        return settings, _build(settings, None, SystemClock()).extensions["identity"].services
    except data_directory.DataDirectoryError as error:
        raise SettingError(str(error)) from None


def _build(settings: Settings, config: object | None, clock: Clock) -> Flask:
    keys = _prepare_state(settings)
    app = Flask("identity", static_folder=None)
    app.config.from_object(config)
    if app.debug and settings.hardened:
        raise SettingError("FLASK_DEBUG: a hardened service does not run in debug mode")
    app.url_map.merge_slashes = False  # a redirect would be built from the caller's Host
    app.url_map.strict_slashes = False
    app.url_map.converters |= {"account": AccountId, "session": SessionId, "serial": Serial}
    engine = extensions.connect(app, settings)
    spoken = [DIALECTS[name] for name in sorted(settings.dialects)]
    tongues = Tongues(NATIVE, spoken, settings.dialect_hosts)
    services = _services(settings, engine, keys, clock)
    here = Context(settings, services, tongues, PrometheusMetrics())
    here.install(app)
    guard.install(app, here)
    tongues.install(app)
    return app


def _prepare_state(settings: Settings) -> tuple[str, ...]:
    data_directory.open_data_directory(settings.data_dir)
    if settings.embedded:
        data_directory.prepare_file(settings.data_dir / "identity.sqlite3")
    return settings.secret_keys or data_directory.secret_keys(settings.data_dir / "secret_keys")


def _authority(settings: Settings, now: datetime) -> LocalAuthority:
    own = settings.data_dir / "ca"
    try:
        pem = (
            Path(settings.ca_file).read_bytes()
            if settings.ca_file
            else data_directory.key_files(own, lambda: new_authority(now))[-1]
        )
        return LocalAuthority(pem, list_url=f"{settings.public_url}/ca.crl" if settings.public_url else "", now=now)
    except (OSError, ValueError, TypeError) as error:
        raise SettingError(f"IDENTITY_CA_FILE: {settings.ca_file or own} cannot be used: {error}") from None


def _services(settings: Settings, engine: Engine, keys: tuple[str, ...], clock: Clock) -> Services:
    transactions = Transactions(engine)
    identifiers = RandomIdentifiers()
    cost = Argon2Cost(settings.argon2_memory_kib, settings.argon2_time)
    passwords = GuardedPasswords(Argon2Hasher(cost, wait=_HASH_WAIT), places=settings.hash_places)
    access_tokens = SignedAccessTokens(keys)
    audit = Audit(transactions, clock)
    opaque_tokens = OpaqueTokens()
    jwt_keys = data_directory.key_files(settings.data_dir / "jwt_keys", new_key)
    jwt_tokens = Es256Tokens(jwt_keys, issuer=settings.public_url or "identity")
    certificates = Certificates(
        transactions,
        clock=clock,
        authority=_authority(settings, clock.now()),
        audit=audit,
        life=settings.certificate_seconds,
    )
    directory = Directory(engine, transactions, bound=settings.directory_sessions)
    limits = Limits(LoginLimit(settings.lockout_failures, settings.lockout_seconds), clock)
    authentication = Authentication(
        transactions,
        clock=clock,
        passwords=passwords,
        tokens=TokenChecks(
            transactions,
            clock=clock,
            directory=directory,
            access_tokens=access_tokens,
            jwt_tokens=jwt_tokens,
            opaque_tokens=opaque_tokens,
        ),
        limits=limits,
        audit=audit,
    )
    logins = Logins(
        transactions,
        clock=clock,
        identifiers=identifiers,
        opaque_tokens=opaque_tokens,
        jwt_tokens=jwt_tokens,
        audit=audit,
    )
    one_time_tokens = SignedOneTimeTokens(keys)
    outbox = Outbox(
        transactions,
        clock=clock,
        identifiers=identifiers,
        tokens=one_time_tokens,
        mailer=SmtpMailer(settings.smtp_url, sender=settings.mail_from) if settings.smtp_url else LogMailer(),
        public_url=settings.public_url,
    )
    return Services(
        accounts=Accounts(
            transactions,
            clock=clock,
            identifiers=identifiers,
            passwords=passwords,
            audit=audit,
            outbox=outbox,
            registration=settings.registration,
            hardened=settings.hardened,
        ),
        administration=Administration(
            transactions,
            clock=clock,
            passwords=passwords,
            limits=limits,
            outbox=outbox,
            audit=audit,
            hardened=settings.hardened,
        ),
        audit=audit,
        authentication=authentication,
        certificates=certificates,
        directory=directory,
        logins=logins,
        profiles=Profiles(
            transactions,
            clock=clock,
            passwords=passwords,
            authentication=authentication,
            audit=audit,
            outbox=outbox,
            hardened=settings.hardened,
        ),
        outbox=outbox,
        recovery=Recovery(
            transactions,
            clock=clock,
            passwords=passwords,
            tokens=one_time_tokens,
            outbox=outbox,
            audit=audit,
            hardened=settings.hardened,
        ),
        schema=Schema(engine, transactions),
        tokens=Tokens(
            transactions,
            clock=clock,
            logins=logins,
            access_tokens=access_tokens,
            directory=directory,
            audit=audit,
            token_life=settings.token_seconds,
            session_life=settings.session_seconds,
        ),
    )
