"""Reading the trail of what happened."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, select

from identity.domain.ports import Pseudonyms
from identity.domain.principal import Principal
from identity.domain.views import AuditView, Page
from identity.services.work.accounts import paged, view_event
from identity.services.work.authorization import Authorization
from identity.services.work.transaction import Transactions
from identity.store.models import AuditEvent


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which events to list; None means any. Names are compared as they were; `until` itself is not included.

    A `subject` that no account has is found by its pseudonym.
    """

    kind: str | None = None
    subject_id: int | None = None
    actor_id: int | None = None
    subject: str | None = None
    actor: str | None = None
    outcome: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def conditions(self, pseudonyms: Pseudonyms) -> list[ColumnElement[bool]]:
        """Return what has to be true of an event."""
        equal = {
            AuditEvent.kind: self.kind,
            AuditEvent.subject_id: self.subject_id,
            AuditEvent.actor_id: self.actor_id,
            AuditEvent.actor: self.actor,
            AuditEvent.outcome: self.outcome,
        }
        conditions = [column == wanted for column, wanted in equal.items() if wanted is not None]
        if self.subject is not None:
            conditions.append(
                AuditEvent.subject.in_([self.subject, *pseudonyms.known(self.subject)])
            )
        if self.since is not None:
            conditions.append(AuditEvent.at >= self.since)
        if self.until is not None:
            conditions.append(AuditEvent.at < self.until)
        return conditions


class AuditQuery:
    """Reads events for administrators."""

    def __init__(
        self, transactions: Transactions, authorization: Authorization, pseudonyms: Pseudonyms
    ) -> None:
        self._transactions = transactions
        self._authorization = authorization
        self._pseudonyms = pseudonyms

    def list(
        self, principal: Principal, which: AuditFilter, *, cursor: int | None, limit: int
    ) -> Page[AuditView]:
        """Return events, newest first.

        Raises:
            Forbidden: the caller is no administrator.
        """
        self._authorization.require_admin(principal)
        query = select(AuditEvent).where(*which.conditions(self._pseudonyms))
        page = self._transactions.read(
            lambda session: paged(session, query, AuditEvent.id, cursor=cursor, limit=limit)
        )
        return Page(tuple(map(view_event, page.items)), page.cursor)
