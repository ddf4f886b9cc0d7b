"""Checks rights for the use cases, and records refusals in the audit log."""

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
    """Decides whether a caller may act.

    Args:
        transactions: writes a refusal before it is raised.
        step_up: how old an authentication may be for sensitive actions; zero disables the check.
    """

    def __init__(self, transactions: Transactions, *, step_up: timedelta) -> None:
        self._transactions = transactions
        self._step_up = step_up

    def require_admin(self, principal: Principal, *, fresh: bool = False) -> Subject:
        """Return the caller, who must be an administrator.

        Args:
            principal: the caller.
            fresh: also require a recent authentication.

        Raises:
            Unauthenticated: the caller is anonymous.
            Forbidden: the caller is not an administrator.
            StepUpRequired: the authentication is too old.
        """
        with self._refused(principal, Event.ADMINISTRATION, Forbidden):
            subject = policy.require_admin(principal)
        if fresh:
            self.require_recent_authentication(principal)
        return subject

    def require_recent_authentication(self, principal: Principal) -> None:
        """Require a recent authentication.

        Raises:
            StepUpRequired: the authentication is too old.
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
