"""Writes the audit log, in the transaction of what happened."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any, Final, NamedTuple

from sqlalchemy import insert
from sqlalchemy.orm import Session

from identity.domain.credentials import Credential
from identity.domain.events import Event, Outcome
from identity.domain.ports import Pseudonyms
from identity.domain.principal import Principal, Subject
from identity.domain.values import is_username
from identity.domain.views import AuditView
from identity.store.models import AUDIT_EVENTS

_log = logging.getLogger("identity.audit")
_NAME_MAX: Final = 64
_INSERT: Final = insert(AUDIT_EVENTS).returning(AUDIT_EVENTS.c.id)


class Entry(NamedTuple):
    """An event to be written; see `services.work.transaction.Transaction.audit`."""

    kind: Event
    by: Principal
    subject: Subject | None
    name: str | None
    network: str | None
    outcome: Outcome
    credential: Credential | None


class AuditLog:
    """Writes events.

    Args:
        pseudonyms: replace names that no account has.
        log: also write each event as a log line, after the commit.
        sessions: record a new session even if the login that opened it is recorded.
    """

    def __init__(self, pseudonyms: Pseudonyms, *, log: bool, sessions: bool = True) -> None:
        self._pseudonyms = pseudonyms
        self._log = log
        self._sessions = sessions

    def write(self, session: Session, entry: Entry, now: datetime) -> Callable[[], None] | None:
        """Write one event. If events are logged, return the function to call after the commit."""
        values = self._values(entry, now)
        number = session.execute(_INSERT, values).scalar_one()
        return partial(_log_event, AuditView(id=number, **values)) if self._log else None

    def records_session(self, principal: Principal, owner: Subject) -> bool:
        """Tell whether a new session is an event of its own.

        A password that opens the caller's own session was recorded just before, as a login or a
        registration.
        """
        own_login = owner == principal.subject and principal.credential is Credential.PASSWORD
        return self._sessions or not own_login

    def _values(self, entry: Entry, now: datetime) -> dict[str, Any]:
        actor, origin = entry.by.subject, entry.by.origin
        subject = None if entry.network else entry.subject or actor
        # Also computed when unused: constant work, see docs/security.md#enumeration.
        pseudonym = self._pseudonym(entry.name)
        return {
            "at": now,
            "kind": entry.kind.value,
            "outcome": entry.outcome.value,
            "actor_id": actor.id if actor else None,
            "actor": actor.username if actor else None,
            "subject_id": subject.id if subject else None,
            "subject": subject.username if subject else entry.network or pseudonym,
            "credential": (entry.credential or entry.by.credential).value,
            "ip": origin.ip[:_NAME_MAX],
            "dialect": origin.dialect,
            "request_id": origin.request_id[:_NAME_MAX],
        }

    def _pseudonym(self, name: str | None) -> str | None:
        # A failed login may carry anything as its name, even a password in the wrong field: text
        # that could not be a username is not kept at all.
        return self._pseudonyms.of(name) if name is not None and is_username(name) else None


def _log_event(event: AuditView) -> None:
    _log.info("audit", extra={"fields": dataclasses.asdict(event) | {"at": event.at.isoformat()}})
