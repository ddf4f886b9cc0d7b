"""Builds the use cases."""

from __future__ import annotations

from identity.adapters.ca import LocalAuthority
from identity.adapters.passwords.argon2 import can_verify
from identity.services import Services
from identity.services.accounts.public_accounts import PublicAccounts
from identity.services.administration.audit_query import AuditQuery
from identity.services.administration.locks import Locks
from identity.services.administration.names import AccountNames
from identity.services.certificates.issuing import Certificates
from identity.services.certificates.revocation_list import Revocations
from identity.services.maintenance.imported_hashes import ImportedHashes
from identity.services.maintenance.misleading_names import MisleadingNames
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
    authentication = build_authentication(settings, base)
    session_opener = build_session_opener(settings, base)
    account_list = accounts.build_account_list(base)
    administration = accounts.build_administration(base, account_list)
    schema = Schema(base.engine, base.transactions)
    key_agreement = maintenance.build_key_agreement(settings, base, keys)
    return Services(
        account_credentials=accounts.build_account_credentials(base, administration),
        account_list=account_list,
        account_names=AccountNames(base.transactions, base.authorization),
        accounts=accounts.build_accounts(base),
        activation=accounts.build_activation(base),
        administration=administration,
        audit=AuditQuery(base.transactions, base.authorization, base.pseudonyms),
        authentication=authentication,
        certificates=_certificates(settings, base, authority),
        exposure=base.exposure,
        imported_hashes=ImportedHashes(base.transactions, can_verify=can_verify),
        invitations=accounts.build_invitations(base),
        journal=base.journal,
        key_agreement=key_agreement,
        key_rotation=maintenance.build_key_rotation(settings, base, keys),
        locks=Locks(base.transactions, throttle=base.throttle),
        logins=session_opener,
        misleading_names=MisleadingNames(base.transactions),
        outbox=base.outbox,
        profiles=accounts.build_profiles(base, authentication),
        pruning=maintenance.build_pruning(settings, base),
        public_accounts=PublicAccounts(base.transactions, base.exposure),
        readiness=maintenance.build_readiness(schema, key_agreement),
        recovery=accounts.build_recovery(base),
        revocations=Revocations(base.transactions, authority=authority, changes=base.journal),
        schema=schema,
        tokens=build_tokens(settings, base, session_opener),
        user_tokens=accounts.build_user_tokens(base, authentication, session_opener),
    )


def _certificates(
    settings: Settings, base: Infrastructure, authority: LocalAuthority
) -> Certificates:
    return Certificates(
        base.transactions,
        authority=authority,
        authorization=base.authorization,
        requests=base.requests,
        life=settings.certificate_seconds,
    )
