"""Builds what the use cases share: the adapters, and the services that other services need."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import Engine

from identity.adapters.identifiers import RandomIdentifiers
from identity.adapters.mail import LogMailer, SmtpMailer
from identity.adapters.passwords.argon2 import Argon2Cost, Argon2Hasher
from identity.adapters.passwords.queue import AdmissionQueue
from identity.adapters.pseudonyms import KeyedPseudonyms
from identity.adapters.tokens.jwt import Es256Tokens
from identity.adapters.tokens.opaque import OpaqueTokens
from identity.adapters.tokens.signed import SignedAccessTokens, SignedOneTimeTokens
from identity.domain import limits as limit_names
from identity.domain.exposure import Exposure
from identity.domain.limits import Limit
from identity.domain.ports import Clock, Mailer
from identity.domain.smtp import Sender
from identity.services.authentication.throttle import LoginThrottle
from identity.services.limits.limits import Limits
from identity.services.limits.requests import RequestLimits
from identity.services.mail.limits import MailLimits
from identity.services.mail.outbox import MAIL_LIFETIMES, Outbox
from identity.services.mail.writer import MailWriter
from identity.services.sessions.directory import SessionDirectory
from identity.services.sessions.journal import Journal
from identity.services.work.audit_log import AuditLog
from identity.services.work.authorization import Authorization
from identity.services.work.transaction import Transactions
from identity.settings import Settings
from identity.wiring.state import Keys

_HASH_WAIT: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Infrastructure:
    """The adapters and services that several use cases share."""

    engine: Engine
    clock: Clock
    transactions: Transactions
    identifiers: RandomIdentifiers
    passwords: AdmissionQueue
    access_tokens: SignedAccessTokens
    one_time_tokens: SignedOneTimeTokens
    jwt_tokens: Es256Tokens
    opaque_tokens: OpaqueTokens
    pseudonyms: KeyedPseudonyms
    authorization: Authorization
    limits: Limits
    throttle: LoginThrottle
    directory: SessionDirectory
    journal: Journal
    outbox: Outbox
    requests: RequestLimits
    exposure: Exposure

    @staticmethod
    def build(settings: Settings, engine: Engine, keys: Keys, clock: Clock) -> Infrastructure:
        """Build them from the settings and the keys."""
        identifiers = RandomIdentifiers()
        pseudonyms = KeyedPseudonyms(keys.secret, clock)
        transactions = _transactions(settings, engine, clock, identifiers, pseudonyms)
        journal = Journal(engine, transactions, token_life=settings.token_seconds)
        limits = Limits(transactions, clock, journal)
        one_time_tokens = SignedOneTimeTokens(keys.secret, clock)
        return Infrastructure(
            engine=engine,
            clock=clock,
            transactions=transactions,
            identifiers=identifiers,
            passwords=_passwords(settings),
            access_tokens=SignedAccessTokens(keys.secret, clock),
            one_time_tokens=one_time_tokens,
            jwt_tokens=Es256Tokens(keys.jwt, clock, issuer=settings.public_url or "identity"),
            opaque_tokens=OpaqueTokens(),
            pseudonyms=pseudonyms,
            authorization=Authorization(transactions, step_up=settings.step_up_seconds),
            limits=limits,
            throttle=_throttle(settings, limits, clock),
            directory=SessionDirectory(transactions, journal, bound=settings.directory_sessions),
            journal=journal,
            requests=_requests(settings, limits),
            outbox=Outbox(
                transactions,
                tokens=one_time_tokens,
                mailer=_mailer(settings),
                public_url=settings.public_url,
                service=settings.name,
            ),
            exposure=Exposure(
                settings.hardened, settings.registration, settings.reserved_usernames
            ),
        )


def _transactions(
    settings: Settings,
    engine: Engine,
    clock: Clock,
    identifiers: RandomIdentifiers,
    pseudonyms: KeyedPseudonyms,
) -> Transactions:
    mail_limit = Limit(limit_names.MAIL, *settings.mail_limit)
    return Transactions(
        engine,
        clock=clock,
        audit_log=AuditLog(pseudonyms, log=settings.log_audit, sessions=settings.audit_sessions),
        mails=MailWriter(identifiers, MailLimits(mail_limit, lifetimes=MAIL_LIFETIMES)),
    )


def _requests(settings: Settings, limits: Limits) -> RequestLimits:
    return RequestLimits(
        limits,
        registrations=Limit(limit_names.REGISTRATION, *settings.registration_limit),
        resets=Limit(limit_names.RESET, *settings.reset_limit),
        mails=Limit(limit_names.REQUESTED_MAIL, *settings.requested_mail_limit),
        certificates=Limit(limit_names.CERTIFICATE, *settings.certificate_limit),
    )


def _mailer(settings: Settings) -> Mailer:
    sender = Sender.parse(settings.mail_from)
    name = sender.name or settings.name
    from_header = f"{name} <{sender.email}>" if name else sender.email
    if settings.smtp_url:
        return SmtpMailer(settings.smtp_url, sender=from_header)
    return LogMailer(sender=from_header)


def _throttle(settings: Settings, limits: Limits, clock: Clock) -> LoginThrottle:
    password = Limit(
        limit_names.PASSWORD, settings.lockout_failures, settings.lockout_seconds, in_a_row=True
    )
    by_ip = Limit(limit_names.IP, settings.ip_failures, settings.ip_seconds)
    return LoginThrottle(limits, password=password, by_ip=by_ip, clock=clock)


def _passwords(settings: Settings) -> AdmissionQueue:
    cost = Argon2Cost(settings.argon2_memory_kib, settings.argon2_time)
    return AdmissionQueue(Argon2Hasher(cost, wait=_HASH_WAIT), slots=settings.hash_queue)
