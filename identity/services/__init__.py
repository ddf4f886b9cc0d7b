"""Use cases: what callers of every tongue may ask for. A public method is one transaction."""

from __future__ import annotations

from dataclasses import dataclass

from identity.services.account_credentials import AccountCredentials
from identity.services.account_names import AccountNames
from identity.services.accounts import Accounts
from identity.services.administration import Administration
from identity.services.authentication import Authentication
from identity.services.certificates import Certificates
from identity.services.directory import Directory
from identity.services.imported_hashes import ImportedHashes
from identity.services.invitations import Invitations
from identity.services.key_agreement import KeyAgreement
from identity.services.key_rotation import KeyRotation
from identity.services.locks import Locks
from identity.services.logins import Logins
from identity.services.outbox import Outbox
from identity.services.profiles import Profiles
from identity.services.pruning import Pruning
from identity.services.readiness import Readiness
from identity.services.recovery import Recovery
from identity.services.revocations import Revocations
from identity.services.schema import Schema
from identity.services.tokens import Tokens
from identity.services.trail import Trail
from identity.services.user_tokens import UserTokens


@dataclass(frozen=True, slots=True)
class Services:
    """The use cases of one application, wired once at start-up."""

    account_credentials: AccountCredentials
    account_names: AccountNames
    accounts: Accounts
    administration: Administration
    audit: Trail
    authentication: Authentication
    certificates: Certificates
    directory: Directory
    imported_hashes: ImportedHashes
    invitations: Invitations
    key_agreement: KeyAgreement
    key_rotation: KeyRotation
    locks: Locks
    logins: Logins
    outbox: Outbox
    profiles: Profiles
    pruning: Pruning
    readiness: Readiness
    recovery: Recovery
    revocations: Revocations
    schema: Schema
    tokens: Tokens
    user_tokens: UserTokens
