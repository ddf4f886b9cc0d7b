"""Rules about rights and recent authentication. Use cases apply them on their first line."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from identity.domain.claims import AccessClaims
from identity.domain.credentials import Credential
from identity.domain.errors import (
    Forbidden,
    LastAdmin,
    RegistrationRefused,
    StepUpRequired,
    Unauthenticated,
)
from identity.domain.exposure import Registration
from identity.domain.principal import Principal, Subject

CLOCK_LEEWAY: Final = timedelta(seconds=5)
_LEEWAY_SECONDS: Final = CLOCK_LEEWAY.total_seconds()
RECENT_MAX_AGE: Final = timedelta(minutes=15)
LAST_USED_GRAIN: Final = timedelta(minutes=1)


def is_administrator(principal: Principal) -> bool:
    """Tell whether an administrator is calling."""
    return principal.subject is not None and principal.subject.admin


def require_admin(principal: Principal) -> Subject:
    """Return the principal's account if it is an administrator's.

    Raises:
        Unauthenticated: the caller is anonymous.
        Forbidden: the caller is not an administrator.
    """
    if not principal.account.admin:
        raise Forbidden
    return principal.account


def require_registration(mode: Registration, principal: Principal) -> None:
    """Check that this caller may register an account.

    Raises:
        Unauthenticated: only administrators may, and the caller is anonymous.
        RegistrationRefused: the caller may not.
    """
    if mode is Registration.OPEN:
        return
    if mode is Registration.CLOSED or not principal.account.admin:
        raise RegistrationRefused


def require_recent_authentication(
    principal: Principal, now: datetime, *, max_age: timedelta = RECENT_MAX_AGE
) -> None:
    """Require a recent authentication for actions that a stolen token must not allow.

    A `max_age` of zero switches the check off.

    Raises:
        Unauthenticated: the caller is anonymous.
        StepUpRequired: the caller was authenticated longer ago.
    """
    if principal.subject is None:
        raise Unauthenticated
    if principal.credential is Credential.OPERATOR or not max_age:
        return
    proven_at = principal.authenticated_at
    if not principal.proof.steps_up or proven_at is None or now - proven_at > max_age:
        raise StepUpRequired(max_age)


def require_other_admin(active_admins: frozenset[int], *, leaving: int) -> None:
    """Check that another active administrator remains.

    Raises:
        LastAdmin: `leaving` is the only one.
    """
    if active_admins == {leaving}:
        raise LastAdmin


def within_lifetime(claims: AccessClaims, now: float) -> bool:
    """Tell whether a token is valid at a Unix time; another node's clock may be 5 s ahead."""
    return claims.issued_at <= now + _LEEWAY_SECONDS and now < claims.expires_at


def token_end(now: datetime, lifetime: timedelta, absolute_end: datetime) -> datetime:
    """Return when a token issued now expires, which is never later than its session does."""
    return min(now + lifetime, absolute_end)
