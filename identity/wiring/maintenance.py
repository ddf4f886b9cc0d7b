"""Builds the use cases of maintenance: schema, readiness, pruning, signing keys."""

from __future__ import annotations

from identity.adapters.drain_mark import DrainMark
from identity.adapters.keys.jwt_keys import JwtKeyFolder
from identity.adapters.keys.ring import CachedKeys
from identity.adapters.keys.secret_keys import SecretKeyFile, TemporaryKey
from identity.domain.keys import KeyUse
from identity.domain.ports import KeySource, KeyStore
from identity.services.maintenance.key_agreement import KeyAgreement
from identity.services.maintenance.key_rotation import KeyRotation
from identity.services.maintenance.pruning import Pruning
from identity.services.maintenance.readiness import Readiness
from identity.services.maintenance.schema import Schema
from identity.services.maintenance.unconfirmed_emails import UnconfirmedEmails
from identity.settings import Settings
from identity.wiring.infrastructure import Infrastructure
from identity.wiring.state import Keys


def build_key_agreement(settings: Settings, base: Infrastructure, keys: Keys) -> KeyAgreement:
    """Return the comparison of this node's signing keys with those of other nodes."""
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


def build_key_rotation(settings: Settings, base: Infrastructure, keys: Keys) -> KeyRotation:
    """Return the rotation of the signing keys that this service keeps itself."""
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


def build_pruning(settings: Settings, base: Infrastructure) -> Pruning:
    """Return the deletion of expired rows."""
    return Pruning(
        base.transactions,
        audit_life=settings.audit_days,
        unconfirmed=UnconfirmedEmails(base.transactions, life=settings.unconfirmed_days),
    )


def build_readiness(schema: Schema, agreement: KeyAgreement) -> Readiness:
    """Return the readiness check: a current and writable database, and keys that agree."""
    conditions = (schema.require_current, schema.require_writable, agreement.require)
    return Readiness(conditions, DrainMark())
