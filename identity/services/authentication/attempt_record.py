"""Records an attempt to log in: its counters, and its event in the audit log."""

from __future__ import annotations

from identity.domain.events import Event, Outcome
from identity.domain.principal import Principal
from identity.services.authentication.identifiers import LoginCandidate
from identity.services.authentication.throttle import LoginThrottle, ThrottleKeys
from identity.services.limits.limits import Count, LimitExceeded, Limits
from identity.services.work.transaction import Transaction, Transactions


class AttemptRecord:
    """Counts attempts, and records how they ended.

    Args:
        transactions: writes counters and events.
        limits: counts attempts.
        throttle: remembers the IP of an accepted attempt.
    """

    def __init__(
        self, transactions: Transactions, *, limits: Limits, throttle: LoginThrottle
    ) -> None:
        self._transactions = transactions
        self._limits = limits
        self._throttle = throttle

    def count(
        self,
        anonymous: Principal,
        candidate: LoginCandidate,
        login: str,
        counts: tuple[Count, ...],
    ) -> None:
        """Count an attempt before its password is checked.

        Raises:
            RateLimited: the name or the IP is locked, or is locked by this attempt.
        """
        refusal = self._transactions.write_unattended(
            lambda tx: self._count(tx, candidate, login, counts), anonymous
        )
        if refusal:
            raise refusal.error()

    def _count(
        self, tx: Transaction, candidate: LoginCandidate, login: str, counts: tuple[Count, ...]
    ) -> LimitExceeded | None:
        refusal = self._limits.count(tx.session, *counts)
        if refusal is not None and refusal.first:
            _audit_refusal(tx, Event.LOCKED, candidate, login)
        return refusal

    def uncount(self, counts: tuple[Count, ...]) -> None:
        """Take back an attempt whose password was not checked."""
        self._transactions.write_unattended(lambda tx: self._limits.uncount(tx.session, *counts))

    def accepted(self, proven: Principal, keys: ThrottleKeys, *, counted: bool) -> None:
        """Record that an attempt was accepted.

        Raises:
            Unauthenticated, Forbidden: the account changed meanwhile.
        """
        self._transactions.write(
            proven, lambda tx: self._accepted(tx, proven, keys, counted=counted)
        )

    def _accepted(
        self, tx: Transaction, proven: Principal, keys: ThrottleKeys, *, counted: bool
    ) -> None:
        subject = proven.account
        # An attempt that was not counted is not subtracted: that would remove another one's
        # failure.
        counts = [each for each in keys.counts if counted or each.limit.in_a_row]
        self._limits.succeed(tx, subject.id, *counts)
        if not keys.seen_recently:
            self._throttle.remember(tx, subject.id, proven.origin)
        tx.audit(Event.AUTHENTICATED)

    def refused(self, anonymous: Principal, candidate: LoginCandidate, login: str) -> None:
        """Record that an attempt was refused."""
        self._transactions.write_unattended(
            lambda tx: _audit_refusal(tx, Event.AUTHENTICATED, candidate, login), anonymous
        )


def _audit_refusal(tx: Transaction, event: Event, candidate: LoginCandidate, login: str) -> None:
    subject = candidate.subject if candidate.exists else None
    tx.audit(event, subject=subject, name=login, outcome=Outcome.REFUSED)
