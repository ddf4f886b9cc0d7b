"""Reads the audit log."""

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
    """Which events to list; None means any.

    Usernames are compared as they were at the time of the event. A `subject` that no account has is
    found by its pseudonym. `since` is inclusive, `until` exclusive.
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
        """Return the conditions on an event."""
        equal = {
            AuditEvent.kind: self.kind,
            AuditEvent.subject_id: self.subject_id,
            AuditEvent.actor_id: self.actor_id,
            AuditEvent.actor: self.actor,
            AuditEvent.outcome: self.outcome,
        }
        conditions = [column == value for column, value in equal.items() if value is not None]
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
    """Lists events for administrators.

    Args:
        transactions: reads events.
        authorization: requires administrators.
        pseudonyms: replace names that no account has.
    """

    def __init__(
        self, transactions: Transactions, authorization: Authorization, pseudonyms: Pseudonyms
    ) -> None:
        self._transactions = transactions
        self._authorization = authorization
        self._pseudonyms = pseudonyms

    def list(
        self, principal: Principal, filters: AuditFilter, *, cursor: int | None, limit: int
    ) -> Page[AuditView]:
        """Return a page of events, newest first.

        Args:
            principal: an administrator.
            filters: which events to list.
            cursor: the id of the last event of the previous page; None for the first page.
            limit: how many events the page has at most.

        Raises:
            Forbidden: the caller is not an administrator.
        """
        self._authorization.require_admin(principal)
        query = select(AuditEvent).where(*filters.conditions(self._pseudonyms))
        page = self._transactions.read(
            lambda session: paged(session, query, AuditEvent.id, cursor=cursor, limit=limit)
        )
        return Page(tuple(map(view_event, page.items)), page.cursor)
