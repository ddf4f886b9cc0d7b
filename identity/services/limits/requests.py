"""Limits the requests of one client: for accounts, for mails, and for certificates."""

from __future__ import annotations

from dataclasses import dataclass

from identity.domain.limits import Limit, client_network
from identity.domain.policy import is_administrator
from identity.domain.principal import Principal
from identity.services.limits.limits import Count, Limits


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """Limits requests whatever their outcome, so that a refusal reveals nothing about an account.

    Args:
        limits: counts the requests.
        registrations: limit of accounts that one client requests.
        resets: limit of password resets that one client requests.
        mails: limit of mails that one client causes.
        certificates: limit of certificates that one account requests.
    """

    limits: Limits
    registrations: Limit
    resets: Limit
    mails: Limit
    certificates: Limit

    def registration(self, principal: Principal, *, mailed: bool) -> tuple[Count, ...]:
        """Return the counters of a registration; none for administrators."""
        if is_administrator(principal):
            return ()
        counts = (Count.of(self.registrations, client_network(principal.origin.ip)),)
        return counts + self.mail(principal) if mailed else counts

    def reset(self, principal: Principal) -> tuple[Count, ...]:
        """Return the counters of a request for a password reset."""
        own = Count.of(self.resets, client_network(principal.origin.ip))
        return (own, *self.mail(principal))

    def mail(self, principal: Principal) -> tuple[Count, ...]:
        """Return the counters of a request that causes a mail; none for administrators."""
        if is_administrator(principal):
            return ()
        return (Count.of(self.mails, client_network(principal.origin.ip)),)

    def certificate(self, principal: Principal) -> tuple[Count, ...]:
        """Return the counters of a request for a certificate."""
        return (Count.of(self.certificates, str(principal.account.id)),)
