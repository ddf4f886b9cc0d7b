"""The use cases, each made from its tools and its settings."""

from __future__ import annotations

from identity.adapters.ca import LocalAuthority
from identity.adapters.drain_mark import DrainMark
from identity.adapters.keys.jwt_keys import JwtKeyFolder
from identity.adapters.keys.ring import RememberedKeys
from identity.adapters.keys.secret_keys import SecretKeyFile, UnmadeKeys
from identity.adapters.passwords.argon2 import can_verify
from identity.domain.keys import KeyUse
from identity.domain.limits import CERTIFICATE, REGISTRATION, RESET, Limit
from identity.domain.ports import KeySource, KeyStore
from identity.services import Services
from identity.services.accounts.profile import Profiles
from identity.services.accounts.recovery import Recovery
from identity.services.accounts.registration import Accounts
from identity.services.administration.accounts import Administration
from identity.services.administration.audit_query import AuditQuery
from identity.services.administration.credentials import AccountCredentials
from identity.services.administration.invitations import Invitations
from identity.services.administration.locks import Locks
from identity.services.administration.names import AccountNames
from identity.services.administration.user_tokens import UserTokens
from identity.services.authentication.passwords import Authentication
from identity.services.authentication.proven_passwords import ProvenPasswords
from identity.services.authentication.tokens import TokenAuthenticator
from identity.services.certificates.issuing import Certificates
from identity.services.certificates.revocation_list import Revocations
from identity.services.maintenance.imported_hashes import ImportedHashes
from identity.services.maintenance.key_agreement import KeyAgreement
from identity.services.maintenance.key_rotation import KeyRotation
from identity.services.maintenance.pruning import Pruning
from identity.services.maintenance.readiness import Readiness
from identity.services.maintenance.schema import Schema
from identity.services.maintenance.unconfirmed_emails import UnconfirmedEmails
from identity.services.sessions.access_tokens import Tokens
from identity.services.sessions.opening import SessionOpener
from identity.settings import Settings
from identity.wiring.infrastructure import Infrastructure
from identity.wiring.state import Keys


def build_services(
    settings: Settings, tools: Infrastructure, keys: Keys, authority: LocalAuthority
) -> Services:
    """Return all use cases."""
    authentication, logins = _authentication(settings, tools), _logins(settings, tools)
    schema, agreement = (
        Schema(tools.engine, tools.transactions),
        _key_agreement(settings, tools, keys),
    )
    conditions = (schema.require_current, schema.require_writable, agreement.require)
    administration = _administration(settings, tools)
    return Services(
        account_credentials=_account_credentials(tools, administration),
        account_names=AccountNames(tools.transactions, tools.rights),
        accounts=_accounts(settings, tools),
        administration=administration,
        audit=AuditQuery(tools.transactions, tools.rights, tools.pseudonyms),
        authentication=authentication,
        certificates=_certificates(settings, tools, authority),
        directory=tools.directory,
        invitations=_invitations(settings, tools),
        key_agreement=agreement,
        key_rotation=_key_rotation(settings, tools, keys),
        imported_hashes=ImportedHashes(tools.transactions, can_verify=can_verify),
        locks=Locks(tools.transactions, attempts=tools.attempts, audit=tools.audit),
        logins=logins,
        outbox=tools.outbox,
        profiles=_profiles(settings, tools, authentication),
        pruning=_pruning(settings, tools),
        readiness=Readiness(conditions, DrainMark()),
        recovery=_recovery(settings, tools),
        revocations=Revocations(
            tools.transactions, clock=tools.clock, authority=authority, directory=tools.directory
        ),
        schema=schema,
        tokens=_tokens(settings, tools, logins),
        user_tokens=UserTokens(
            tools.transactions,
            clock=tools.clock,
            rights=tools.rights,
            authentication=authentication,
            logins=logins,
            audit=tools.audit,
        ),
    )


def _authentication(settings: Settings, tools: Infrastructure) -> Authentication:
    return Authentication(
        tools.transactions,
        clock=tools.clock,
        passwords=tools.passwords,
        tokens=TokenAuthenticator(
            tools.transactions,
            clock=tools.clock,
            directory=tools.directory,
            access_tokens=tools.access_tokens,
            jwt_tokens=tools.jwt_tokens,
            opaque_tokens=tools.opaque_tokens,
        ),
        limits=tools.limits,
        attempts=tools.attempts,
        audit=tools.audit,
        proven=ProvenPasswords(settings.password_memory_seconds),
    )


def _logins(settings: Settings, tools: Infrastructure) -> SessionOpener:
    return SessionOpener(
        tools.transactions,
        clock=tools.clock,
        identifiers=tools.identifiers,
        opaque_tokens=tools.opaque_tokens,
        jwt_tokens=tools.jwt_tokens,
        audit=tools.audit,
        per_account=settings.sessions_per_account,
        token_life=settings.token_seconds,
    )


def _tokens(settings: Settings, tools: Infrastructure, logins: SessionOpener) -> Tokens:
    return Tokens(
        tools.transactions,
        clock=tools.clock,
        logins=logins,
        access_tokens=tools.access_tokens,
        directory=tools.directory,
        audit=tools.audit,
        token_life=settings.token_seconds,
        session_life=settings.session_seconds,
    )


def _accounts(settings: Settings, tools: Infrastructure) -> Accounts:
    return Accounts(
        tools.transactions,
        clock=tools.clock,
        identifiers=tools.identifiers,
        passwords=tools.passwords,
        rights=tools.rights,
        audit=tools.audit,
        outbox=tools.outbox,
        limits=tools.limits,
        attempts=tools.attempts,
        registrations=Limit(REGISTRATION, *settings.registration_limit),
        registration=settings.registration,
        reserved=settings.reserved_usernames,
        requested_mails=tools.requested_mails,
        hardened=settings.hardened,
    )


def _administration(settings: Settings, tools: Infrastructure) -> Administration:
    return Administration(
        tools.transactions,
        clock=tools.clock,
        passwords=tools.passwords,
        attempts=tools.attempts,
        rights=tools.rights,
        outbox=tools.outbox,
        audit=tools.audit,
        reserved=settings.reserved_usernames,
        hardened=settings.hardened,
    )


def _invitations(settings: Settings, tools: Infrastructure) -> Invitations:
    return Invitations(
        tools.transactions,
        clock=tools.clock,
        identifiers=tools.identifiers,
        rights=tools.rights,
        audit=tools.audit,
        outbox=tools.outbox,
        reserved=settings.reserved_usernames,
    )


def _account_credentials(
    tools: Infrastructure, administration: Administration
) -> AccountCredentials:
    return AccountCredentials(
        tools.transactions,
        clock=tools.clock,
        rights=tools.rights,
        audit=tools.audit,
        outbox=tools.outbox,
        administration=administration,
    )


def _profiles(
    settings: Settings, tools: Infrastructure, authentication: Authentication
) -> Profiles:
    return Profiles(
        tools.transactions,
        clock=tools.clock,
        passwords=tools.passwords,
        authentication=authentication,
        rights=tools.rights,
        audit=tools.audit,
        outbox=tools.outbox,
        reserved=settings.reserved_usernames,
        requested_mails=tools.requested_mails,
        hardened=settings.hardened,
    )


def _pruning(settings: Settings, tools: Infrastructure) -> Pruning:
    unconfirmed = UnconfirmedEmails(
        tools.transactions, clock=tools.clock, audit=tools.audit, life=settings.unconfirmed_days
    )
    return Pruning(
        tools.transactions,
        clock=tools.clock,
        audit_life=settings.audit_days,
        unconfirmed=unconfirmed,
    )


def _recovery(settings: Settings, tools: Infrastructure) -> Recovery:
    return Recovery(
        tools.transactions,
        clock=tools.clock,
        passwords=tools.passwords,
        tokens=tools.one_time_tokens,
        outbox=tools.outbox,
        audit=tools.audit,
        limits=tools.limits,
        attempts=tools.attempts,
        requests=Limit(RESET, *settings.reset_limit),
        requested_mails=tools.requested_mails,
        hardened=settings.hardened,
    )


def _certificates(
    settings: Settings, tools: Infrastructure, authority: LocalAuthority
) -> Certificates:
    return Certificates(
        tools.transactions,
        clock=tools.clock,
        authority=authority,
        rights=tools.rights,
        audit=tools.audit,
        limits=tools.limits,
        limit=Limit(CERTIFICATE, *settings.certificate_limit),
        outbox=tools.outbox,
        life=settings.certificate_seconds,
    )


def _key_agreement(settings: Settings, tools: Infrastructure, keys: Keys) -> KeyAgreement:
    sources = {KeyUse.TOKENS: RememberedKeys(keys.secret)}
    if "continuous" in settings.dialects:  # no other document has JWTs
        sources[KeyUse.JWTS] = RememberedKeys(keys.jwt)
    return KeyAgreement(
        tools.engine,
        tools.transactions,
        sources=sources,
        clock=tools.clock,
        identifiers=tools.identifiers,
    )


def _key_rotation(settings: Settings, tools: Infrastructure, keys: Keys) -> KeyRotation:
    kept: dict[KeyUse, KeySource] = {KeyUse.TOKENS: keys.secret, KeyUse.JWTS: keys.jwt}
    sources = {use: source for use, source in kept.items() if not isinstance(source, UnmadeKeys)}
    stores: dict[KeyUse, KeyStore] = {
        use: source
        for use, source in sources.items()
        if isinstance(source, SecretKeyFile | JwtKeyFolder)
    }
    return KeyRotation(
        tools.transactions,
        sources=sources,
        stores=stores,
        clock=tools.clock,
        audit=tools.audit,
        token_life=settings.token_seconds,
    )
