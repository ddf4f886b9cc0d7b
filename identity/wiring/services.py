"""Builds the use cases."""

from __future__ import annotations

from identity.adapters.ca import LocalAuthority
from identity.adapters.drain_mark import DrainMark
from identity.adapters.keys.jwt_keys import JwtKeyFolder
from identity.adapters.keys.ring import CachedKeys
from identity.adapters.keys.secret_keys import SecretKeyFile, TemporaryKey
from identity.adapters.passwords.argon2 import can_verify
from identity.domain.keys import KeyUse
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
    settings: Settings, base: Infrastructure, keys: Keys, authority: LocalAuthority
) -> Services:
    """Return all use cases."""
    transactions, rights, exposure = base.transactions, base.rights, base.exposure
    schema, agreement = Schema(base.engine, transactions), _key_agreement(settings, base, keys)
    conditions = (schema.require_current, schema.require_writable, agreement.require)
    authentication, logins = _authentication(settings, base), _logins(settings, base)
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
            transactions, rights=rights, administration=administration
        ),
        account_names=AccountNames(transactions, rights),
        accounts=Accounts(
            transactions,
            identifiers=base.identifiers,
            passwords=base.passwords,
            rights=rights,
            attempts=base.attempts,
            requests=base.requests,
            exposure=exposure,
        ),
        administration=administration,
        audit=AuditQuery(transactions, rights, base.pseudonyms),
        authentication=authentication,
        certificates=Certificates(
            transactions,
            authority=authority,
            rights=rights,
            requests=base.requests,
            life=settings.certificate_seconds,
        ),
        directory=base.directory,
        exposure=exposure,
        imported_hashes=ImportedHashes(transactions, can_verify=can_verify),
        invitations=Invitations(
            transactions, identifiers=base.identifiers, rights=rights, exposure=exposure
        ),
        key_agreement=agreement,
        key_rotation=_key_rotation(settings, base, keys),
        locks=Locks(transactions, attempts=base.attempts),
        logins=logins,
        outbox=base.outbox,
        profiles=Profiles(
            transactions,
            passwords=base.passwords,
            authentication=authentication,
            rights=rights,
            requests=base.requests,
            exposure=exposure,
        ),
        pruning=Pruning(
            transactions,
            audit_life=settings.audit_days,
            unconfirmed=UnconfirmedEmails(transactions, life=settings.unconfirmed_days),
        ),
        readiness=Readiness(conditions, DrainMark()),
        recovery=Recovery(
            transactions,
            passwords=base.passwords,
            tokens=base.one_time_tokens,
            attempts=base.attempts,
            requests=base.requests,
            exposure=exposure,
        ),
        revocations=Revocations(transactions, authority=authority, directory=base.directory),
        schema=schema,
        tokens=Tokens(
            transactions,
            logins=logins,
            access_tokens=base.access_tokens,
            directory=base.directory,
            token_life=settings.token_seconds,
            session_life=settings.session_seconds,
        ),
        user_tokens=UserTokens(
            transactions, rights=rights, authentication=authentication, logins=logins
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
    kept: dict[KeyUse, KeySource] = {KeyUse.TOKENS: keys.secret, KeyUse.JWTS: keys.jwt}
    sources = {use: source for use, source in kept.items() if not isinstance(source, TemporaryKey)}
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
