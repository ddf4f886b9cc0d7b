"""The trail of what happened, written in the transaction in which it happened."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from identity.domain import policy
from identity.domain.events import Event, Outcome
from identity.domain.ports import Clock
from identity.domain.principal import Principal, Subject
from identity.domain.values import is_username
from identity.domain.views import AuditView, Page
from identity.services.rows import paged
from identity.services.transactions import Transactions
from identity.store.models import AuditEvent

_NAME_MAX: Final = 64


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which events to list; None means any."""

    kind: str | None = None
    subject_id: int | None = None
    actor_id: int | None = None


class Audit:
    """Writes events for the other use cases and reads them for administrators."""

    def __init__(self, transactions: Transactions, clock: Clock) -> None:
        self._transactions = transactions
        self._clock = clock

    def record(  # noqa: PLR0913 - an event has that many sides
        self,
        session: Session,
        kind: Event,
        principal: Principal,
        *,
        subject: Subject | None = None,
        name: str | None = None,
        address: str | None = None,
        outcome: Outcome = Outcome.ACCEPTED,
    ) -> None:
        """Add one event to the caller's transaction.

        Args:
            session: the transaction of what happened.
            kind: what happened.
            principal: who did it, and from where.
            subject: to whom; the principal's own account if not given.
            name: to which name, where no account is known to have it; printable ASCII is kept.
            address: to which address of a network, where it was done to none of the accounts.
            outcome: how it ended.
        """
        actor = principal.subject
        subject = None if address else subject or actor
        origin = principal.origin
        session.add(
            AuditEvent(
                at=self._clock.now(),
                kind=kind.value,
                outcome=outcome.value,
                actor_id=actor.id if actor else None,
                actor=actor.username if actor else None,
                subject_id=subject.id if subject else None,
                subject=subject.username if subject else address or _plain(name),
                credential=principal.credential.value,
                address=origin.address[:_NAME_MAX],
                tongue=origin.tongue,
                request_id=origin.request_id[:_NAME_MAX],
            )
        )

    def list(self, principal: Principal, which: AuditFilter, *, cursor: int | None, limit: int) -> Page[AuditView]:
        """Return events, newest first.

        Raises:
            Forbidden: the caller is no administrator.
        """
        policy.require_admin(principal)
        query = select(AuditEvent)
        for column, wanted in (
            (AuditEvent.kind, which.kind),
            (AuditEvent.subject_id, which.subject_id),
            (AuditEvent.actor_id, which.actor_id),
        ):
            if wanted is not None:
                query = query.where(column == wanted)
        page = self._transactions.read(lambda session: paged(session, query, AuditEvent.id, cursor=cursor, limit=limit))
        return Page(tuple(map(_view, page.items)), page.cursor)


def _plain(name: str | None) -> str | None:
    # A failed login may carry anything where the name stands, even a password typed into the wrong
    # field: only what could be a username at all is kept.
    return name if name is not None and is_username(name) else None


def _view(event: AuditEvent) -> AuditView:
    at: datetime = event.at
    return AuditView(
        id=event.id,
        at=at,
        kind=event.kind,
        outcome=event.outcome,
        actor_id=event.actor_id,
        actor=event.actor,
        subject_id=event.subject_id,
        subject=event.subject,
        credential=event.credential,
        address=event.address,
        tongue=event.tongue,
        request_id=event.request_id,
    )
