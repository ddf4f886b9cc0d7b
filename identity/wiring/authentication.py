"""Builds what authenticates callers, and what issues their tokens."""

from __future__ import annotations

from identity.services.authentication.passwords import Authentication
from identity.services.authentication.proven_passwords import ProvenPasswords
from identity.services.authentication.tokens import TokenAuthenticator
from identity.services.sessions.access_tokens import Tokens
from identity.services.sessions.opening import SessionOpener
from identity.settings import Settings
from identity.wiring.infrastructure import Infrastructure


def build_authentication(settings: Settings, base: Infrastructure) -> Authentication:
    """Return the check of passwords and tokens."""
    return Authentication(
        base.transactions,
        passwords=base.passwords,
        tokens=TokenAuthenticator(
            base.transactions,
            journal=base.journal,
            directory=base.directory,
            access_tokens=base.access_tokens,
            jwt_tokens=base.jwt_tokens,
            opaque_tokens=base.opaque_tokens,
        ),
        limits=base.limits,
        throttle=base.throttle,
        proven=ProvenPasswords(settings.password_memory_seconds),
    )


def build_session_opener(settings: Settings, base: Infrastructure) -> SessionOpener:
    """Return what opens a session for each login."""
    return SessionOpener(
        base.transactions,
        identifiers=base.identifiers,
        opaque_tokens=base.opaque_tokens,
        jwt_tokens=base.jwt_tokens,
        per_account=settings.sessions_per_account,
        token_life=settings.token_seconds,
    )


def build_tokens(settings: Settings, base: Infrastructure, session_opener: SessionOpener) -> Tokens:
    """Return the use cases for access tokens and for the caller's own sessions."""
    return Tokens(
        base.transactions,
        session_opener=session_opener,
        access_tokens=base.access_tokens,
        directory=base.directory,
        journal=base.journal,
        token_life=settings.token_seconds,
        session_life=settings.session_seconds,
    )
