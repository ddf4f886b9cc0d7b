"""Limits of what one client may request: accounts, mails to emails that it names, certificates."""

from __future__ import annotations

from dataclasses import dataclass

from identity.domain.limits import Limit, client_network
from identity.domain.policy import is_administrator
from identity.domain.principal import Principal
from identity.services.limits.limits import Count, Limits


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """Limits requests, whatever their outcome: the refusal tells nothing about an account.

    Args:
        limits: where they are counted.
        registrations: accounts requested by one client.
        resets: password resets requested by one client.
        mails: mails that one client has sent: others judge the service by them.
        certificates: certificates requested by one account.
    """

    limits: Limits
    registrations: Limit
    resets: Limit
    mails: Limit
    certificates: Limit

    def registration(self, principal: Principal, *, mailed: bool) -> tuple[Count, ...]:
        """Return what a registration counts in; nothing for administrators."""
        if is_administrator(principal):
            return ()
        counts = (Count.of(self.registrations, client_network(principal.origin.ip)),)
        return counts + self.mail(principal) if mailed else counts

    def reset(self, principal: Principal) -> tuple[Count, ...]:
        """Return what a request for a new password counts in."""
        own = Count.of(self.resets, client_network(principal.origin.ip))
        return (own, *self.mail(principal))

    def mail(self, principal: Principal) -> tuple[Count, ...]:
        """Return what a request for a mail counts in; nothing for administrators."""
        if is_administrator(principal):
            return ()
        return (Count.of(self.mails, client_network(principal.origin.ip)),)

    def certificate(self, principal: Principal) -> tuple[Count, ...]:
        """Return what a certificate counts in."""
        return (Count.of(self.certificates, str(principal.account.id)),)
