"""Who may do what, and for how long a proof counts. Pure rules; use cases ask them on their first line."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from identity.domain.claims import AccessClaims
from identity.domain.credentials import Credential
from identity.domain.errors import Forbidden, LastAdmin, RegistrationRefused, StepUpRequired
from identity.domain.exposure import Registration
from identity.domain.principal import Principal, Subject

CLOCK_LEEWAY: Final = timedelta(seconds=5)
_LEEWAY_SECONDS: Final = CLOCK_LEEWAY.total_seconds()
FRESH_PROOF: Final = timedelta(minutes=15)
LAST_USED_GRAIN: Final = timedelta(minutes=1)


def is_administrator(principal: Principal) -> bool:
    """Tell whether an administrator is calling."""
    return principal.subject is not None and principal.subject.admin


def require_account(principal: Principal) -> Subject:
    """Return the account of an authenticated caller.

    Raises:
        Unauthenticated: the caller is anonymous.
    """
    return principal.account


def require_admin(principal: Principal) -> Subject:
    """Let administrators pass.

    Raises:
        Unauthenticated: nobody is asking.
        Forbidden: somebody else is.
    """
    if not principal.account.admin:
        raise Forbidden
    return principal.account


def require_registration(mode: Registration, principal: Principal) -> None:
    """Let this caller register an account, or say why not.

    Raises:
        Unauthenticated: an administrator is wanted and nobody is asking.
        RegistrationRefused: the caller is not one, or registration is closed to all.
    """
    if mode is Registration.OPEN:
        return
    if mode is Registration.CLOSED or not principal.account.admin:
        raise RegistrationRefused


def require_fresh_proof(
    principal: Principal, now: datetime, *, max_age: timedelta = FRESH_PROOF
) -> None:
    """Ask for a recent proof before something a stolen token must not do; with a `max_age` of zero never.

    Raises:
        Unauthenticated: nobody is asking.
        StepUpRequired: the last real proof is older.
    """
    require_account(principal)
    if principal.credential is Credential.OPERATOR or not max_age:
        return
    proven_at = principal.authenticated_at
    if not principal.proof.steps_up or proven_at is None or now - proven_at > max_age:
        raise StepUpRequired(max_age)


def require_other_admin(active_admins: frozenset[int], *, leaving: int) -> None:
    """Keep at least one active administrator.

    Raises:
        LastAdmin: `leaving` is the only one.
    """
    if active_admins == {leaving}:
        raise LastAdmin


def within_lifetime(claims: AccessClaims, now: float) -> bool:
    """Tell whether a token is in its life at a Unix time, forgiving a clock of another node that runs 5 s ahead."""
    return claims.issued_at <= now + _LEEWAY_SECONDS and now < claims.expires_at


def token_end(now: datetime, life: timedelta, absolute_end: datetime) -> datetime:
    """When a token issued now ends: after its life, and never later than its session."""
    return min(now + life, absolute_end)
