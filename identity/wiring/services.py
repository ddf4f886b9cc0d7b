"""Builds the use cases."""

from __future__ import annotations

from identity.adapters.ca import LocalAuthority
from identity.adapters.passwords.argon2 import can_verify
from identity.services import Services
from identity.services.administration.audit_query import AuditQuery
from identity.services.administration.credentials import AccountCredentials
from identity.services.administration.invitations import Invitations
from identity.services.administration.locks import Locks
from identity.services.administration.names import AccountNames
from identity.services.administration.user_tokens import UserTokens
from identity.services.certificates.issuing import Certificates
from identity.services.certificates.revocation_list import Revocations
from identity.services.maintenance.imported_hashes import ImportedHashes
from identity.services.maintenance.schema import Schema
from identity.settings import Settings
from identity.wiring import accounts, maintenance
from identity.wiring.authentication import (
    build_authentication,
    build_session_opener,
    build_tokens,
)
from identity.wiring.infrastructure import Infrastructure
from identity.wiring.state import Keys


def build_services(
    settings: Settings, base: Infrastructure, keys: Keys, authority: LocalAuthority
) -> Services:
    """Return all use cases."""
    transactions = base.transactions
    rights = base.rights
    exposure = base.exposure
    schema = Schema(base.engine, transactions)
    agreement = _key_agreement(settings, base, keys)
    conditions = (schema.require_current, schema.require_writable, agreement.require)
    authentication = _authentication(settings, base)
    logins = _logins(settings, base)
    administration = Administration(
        transactions,
        passwords=base.passwords,
        attempts=base.attempts,
        rights=rights,
        outbox=base.outbox,
        exposure=exposure,
    )
    return Services(
        account_credentials=AccountCredentials(
            transactions, authorization=authorization, administration=administration
        ),
        account_names=AccountNames(transactions, authorization),
        accounts=accounts.build_accounts(base),
        administration=administration,
        audit=AuditQuery(transactions, authorization, base.pseudonyms),
        authentication=authentication,
        certificates=Certificates(
            transactions,
            authority=authority,
            authorization=authorization,
            requests=base.requests,
            life=settings.certificate_seconds,
        ),
        directory=base.directory,
        exposure=base.exposure,
        imported_hashes=ImportedHashes(transactions, can_verify=can_verify),
        invitations=Invitations(
            transactions,
            identifiers=base.identifiers,
            authorization=authorization,
            exposure=base.exposure,
        ),
        key_agreement=key_agreement,
        key_rotation=maintenance.build_key_rotation(settings, base, keys),
        locks=Locks(transactions, throttle=base.throttle),
        logins=session_opener,
        outbox=base.outbox,
        profiles=accounts.build_profiles(base, authentication),
        pruning=maintenance.build_pruning(settings, base),
        readiness=maintenance.build_readiness(schema, key_agreement),
        recovery=accounts.build_recovery(base),
        revocations=Revocations(transactions, authority=authority, directory=base.directory),
        schema=schema,
        tokens=build_tokens(settings, base, session_opener),
        user_tokens=UserTokens(
            transactions,
            authorization=authorization,
            authentication=authentication,
            session_opener=session_opener,
        ),
    )


def _authentication(settings: Settings, base: Infrastructure) -> Authentication:
    return Authentication(
        base.transactions,
        passwords=base.passwords,
        tokens=TokenAuthenticator(
            base.transactions,
            directory=base.directory,
            access_tokens=base.access_tokens,
            jwt_tokens=base.jwt_tokens,
            opaque_tokens=base.opaque_tokens,
        ),
        limits=base.limits,
        attempts=base.attempts,
        proven=ProvenPasswords(settings.password_memory_seconds),
    )


def _logins(settings: Settings, base: Infrastructure) -> SessionOpener:
    return SessionOpener(
        base.transactions,
        identifiers=base.identifiers,
        opaque_tokens=base.opaque_tokens,
        jwt_tokens=base.jwt_tokens,
        per_account=settings.sessions_per_account,
        token_life=settings.token_seconds,
    )


def _key_agreement(settings: Settings, base: Infrastructure, keys: Keys) -> KeyAgreement:
    sources = {KeyUse.TOKENS: CachedKeys(keys.secret)}
    if "continuous" in settings.dialects:  # no other document has JWTs
        sources[KeyUse.JWTS] = CachedKeys(keys.jwt)
    return KeyAgreement(
        base.engine,
        base.transactions,
        sources=sources,
        clock=base.clock,
        identifiers=base.identifiers,
    )


def _key_rotation(settings: Settings, base: Infrastructure, keys: Keys) -> KeyRotation:
    by_use: dict[KeyUse, KeySource] = {KeyUse.TOKENS: keys.secret, KeyUse.JWTS: keys.jwt}
    sources = {
        use: source for use, source in by_use.items() if not isinstance(source, TemporaryKey)
    }
    stores: dict[KeyUse, KeyStore] = {
        use: source
        for use, source in sources.items()
        if isinstance(source, SecretKeyFile | JwtKeyFolder)
    }
    return KeyRotation(
        base.transactions,
        sources=sources,
        stores=stores,
        token_life=settings.token_seconds,
    )
