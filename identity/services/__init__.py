"""Use cases, shared by every dialect. Each public method is one transaction."""

from __future__ import annotations

from dataclasses import dataclass

from identity.domain.exposure import Exposure
from identity.services.accounts.activation import Activation
from identity.services.accounts.profile import Profiles
from identity.services.accounts.public_accounts import PublicAccounts
from identity.services.accounts.recovery import Recovery
from identity.services.accounts.registration import Accounts
from identity.services.administration.account_list import AccountList
from identity.services.administration.accounts import Administration
from identity.services.administration.audit_query import AuditQuery
from identity.services.administration.credentials import AccountCredentials
from identity.services.administration.invitations import Invitations
from identity.services.administration.locks import Locks
from identity.services.administration.names import AccountNames
from identity.services.administration.user_tokens import UserTokens
from identity.services.authentication.passwords import Authentication
from identity.services.certificates.issuing import Certificates
from identity.services.certificates.revocation_list import Revocations
from identity.services.mail.outbox import Outbox
from identity.services.maintenance.imported_hashes import ImportedHashes
from identity.services.maintenance.key_agreement import KeyAgreement
from identity.services.maintenance.key_rotation import KeyRotation
from identity.services.maintenance.misleading_names import MisleadingNames
from identity.services.maintenance.pruning import Pruning
from identity.services.maintenance.readiness import Readiness
from identity.services.maintenance.schema import Schema
from identity.services.sessions.access_tokens import Tokens
from identity.services.sessions.journal import Journal
from identity.services.sessions.opening import SessionOpener


@dataclass(frozen=True, slots=True)
class Services:
    """The use cases of one application, built once at start-up."""

    account_credentials: AccountCredentials
    account_list: AccountList
    account_names: AccountNames
    accounts: Accounts
    activation: Activation
    administration: Administration
    audit: AuditQuery
    authentication: Authentication
    certificates: Certificates
    exposure: Exposure
    imported_hashes: ImportedHashes
    invitations: Invitations
    journal: Journal
    key_agreement: KeyAgreement
    key_rotation: KeyRotation
    locks: Locks
    logins: SessionOpener
    misleading_names: MisleadingNames
    outbox: Outbox
    profiles: Profiles
    pruning: Pruning
    public_accounts: PublicAccounts
    readiness: Readiness
    recovery: Recovery
    revocations: Revocations
    schema: Schema
    tokens: Tokens
    user_tokens: UserTokens
