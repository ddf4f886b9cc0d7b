"""Asks the policy for the use cases, and leaves a trace of whom it refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from identity.domain import policy
from identity.domain.errors import Forbidden, StepUpRequired
from identity.domain.events import Event, Outcome
from identity.domain.principal import Principal, Subject
from identity.services.work.transaction import Transactions


class Authorization:
    """Lets callers pass or not.

    Args:
        transactions: where a refusal is written before it is raised.
        step_up: how old a proof may be for what a stolen token must not do; zero switches that off.
    """

    def __init__(self, transactions: Transactions, *, step_up: timedelta) -> None:
        self._transactions = transactions
        self._step_up = step_up

    def require_admin(self, principal: Principal, *, fresh: bool = False) -> Subject:
        """Let administrators pass, with `fresh` only those with a fresh proof.

        Raises:
            Unauthenticated: nobody is asking.
            Forbidden: somebody else is.
            StepUpRequired: the proof is too old.
        """
        with self._refused(principal, Event.ADMINISTRATION, Forbidden):
            subject = policy.require_admin(principal)
        if fresh:
            self.require_recent_authentication(principal)
        return subject

    def require_recent_authentication(self, principal: Principal) -> None:
        """Let callers pass who have proven themselves lately.

        Raises:
            StepUpRequired: the proof is too old.
        """
        with self._refused(principal, Event.STEP_UP, StepUpRequired):
            policy.require_recent_authentication(
                principal, self._transactions.now(), max_age=self._step_up
            )

    @contextmanager
    def _refused(
        self, principal: Principal, kind: Event, refusal: type[Exception]
    ) -> Iterator[None]:
        try:
            yield
        except refusal:
            self._transactions.write_unattended(
                lambda tx: tx.audit(kind, outcome=Outcome.REFUSED), principal
            )
            raise
